// Package workload is the traffic by which mcpx and other MCP servers are
// measured and tested: who asks, what is asked, when, and what became of it.
//
// It knows no wire. Sessions are opened through link.Dialer, which
// transport/dial implements, or at the door of a runtime in this process.
//
//	Plan ──Start──▶ sessions opened ──barrier──▶ warm-up ──▶ measured ──▶ Report
//
// Every client has a session of its own, opened in its own name, and asks as
// many requests at a time as the plan says, each with arguments of its own.
//
// In the closed loop a client asks again when it has been answered, so a slow
// server is asked less. In the open loop requests have appointments that do not
// depend on answers, and latencies count from those: what a server that stalls
// would have kept waiting is counted as having waited.
//
// Nothing that every request goes through is shared: counters, contexts,
// timers and buffers belong to one worker, and measured values reach their
// histogram a batch at a time.
package workload
