-- One tool call, again and again. The job is a Lua table in the file WRK_JOB:
-- body, headers, text (what an answer holds; "" where only its size is checked),
-- size (of an answer, at least), sessions (their ids, used in turn).
local job = dofile(os.getenv("WRK_JOB"))

wrk.method = "POST"
wrk.body = job.body
for name, value in pairs(job.headers) do wrk.headers[name] = value end

wrong = 0
said = "" -- by the first wrong answer

-- In a session no two requests in flight may have one id: threads take ids of
-- their own, in turn, and so many that a request may well lag behind others.
if #job.sessions > 0 then
   local requests, last = {}, 0
   function init()
      local ids = math.floor(16384 / #job.sessions)
      for i = 1, ids do
         wrk.body = job.body:gsub('"id":1,', '"id":' .. (index * ids + i) .. ',', 1)
         for _, id in ipairs(job.sessions) do
            wrk.headers["Mcp-Session-Id"] = id
            requests[#requests + 1] = wrk.format()
         end
      end
   end
   function request()
      last = last % #requests + 1
      return requests[last]
   end
end

if job.text ~= "" then
   local text, find = job.text, string.find
   function response(status, headers, body)
      if status ~= 200 or not find(body, text, 1, true) then
         wrong = wrong + 1
         if said == "" then said = status .. " " .. body:sub(1, 300) end
      end
   end
end

local threads = {}
function setup(thread)
   thread:set("index", #threads)
   threads[#threads + 1] = thread
end

function done(summary, latency)
   local n, e = 0, summary.errors
   for _, thread in ipairs(threads) do
      n = n + thread:get("wrong")
      if thread:get("said") ~= "" then io.write("wrong answer: ", thread:get("said"), "\n") end
   end
   if job.text == "" then
      n = e.status
      local missing = math.floor((summary.requests * job.size - summary.bytes) / job.size)
      if missing > 0 then n = n + missing end
   end
   io.write(string.format(
      '@@{"requests":%d,"micros":%d,"wrong":%d,"connect":%d,"read":%d,"write":%d,"timeout":%d,"p50":%d,"p99":%d,"max":%d}\n',
      summary.requests, summary.duration, n, e.connect, e.read, e.write, e.timeout,
      latency:percentile(50), latency:percentile(99), latency.max))
end
