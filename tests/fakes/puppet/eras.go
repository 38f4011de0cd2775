package puppet

import (
	"encoding/json"
	"fmt"
	"os"
)

// dual speaks both eras, and like some servers it refuses initialize once it
// has been asked to discover itself.
func dual([]string) {
	s := modernServer()
	s.legacy = legacyVersions
	probed := false
	s.before = func(m message) bool {
		probed = probed || m.Method == "server/discover"
		if m.Method == "initialize" && probed {
			s.fail(m.ID, -32600, "this process is modern")
			return true
		}
		return false
	}
	s.serve()
}

// discoverLegacy answers server/discover with legacy versions only, and refuses
// initialize in a process that has been probed.
func discoverLegacy([]string) {
	s := legacyServer()
	probed := false
	s.before = func(m message) bool {
		switch {
		case m.Method == "server/discover":
			probed = true
			s.result(m.ID, `{"resultType":"complete","supportedVersions":["2025-06-18","2025-03-26"],"capabilities":{}}`)
		case m.Method == "initialize" && probed:
			s.fail(m.ID, -32600, "this process has been probed")
		default:
			return false
		}
		return true
	}
	s.serve()
}

// discoverSilent is a legacy server that does not answer what it does not know.
func discoverSilent([]string) {
	s := legacyServer()
	s.before = func(m message) bool { return m.Method == "server/discover" }
	s.serve()
}

// discoverLate is a modern server so slow that initialize overtakes the answer;
// it never answers that.
func discoverLate([]string) {
	s := modernServer()
	var discover message
	s.before = func(m message) bool {
		switch m.Method {
		case "server/discover":
			discover = m
		case "initialize":
			s.handle(discover)
		default:
			return false
		}
		return true
	}
	s.serve()
}

// discoverDies is a legacy server that does not survive the unknown.
func discoverDies([]string) {
	s := legacyServer()
	s.before = func(m message) bool {
		if m.Method == "server/discover" {
			fmt.Fprintln(os.Stderr, "what is a discover?")
			quit(4)
		}
		return false
	}
	s.serve()
}

// discoverJunk answers everything with a result, whatever it was asked.
func discoverJunk([]string) {
	s := legacyServer()
	s.before = func(m message) bool {
		if m.Method == "server/discover" {
			s.result(m.ID, `{"ok":true}`)
			return true
		}
		return false
	}
	s.serve()
}

// probeAverse is a legacy server that, after any message before initialize,
// fails initialize.
func probeAverse([]string) {
	s := legacyServer()
	first := true
	s.before = func(m message) bool {
		if m.Method == "initialize" && !first {
			s.fail(m.ID, -32603, "initialize must come first")
			return true
		}
		first = false
		return false
	}
	s.serve()
}

// unsupported VERSIONS… refuses the version of every discover but names its own.
func unsupported(versions []string) {
	s := legacyServer()
	list, _ := json.Marshal(versions)
	probed := false
	s.before = func(m message) bool {
		switch {
		case m.Method == "server/discover":
			probed = true
			s.write(`{"jsonrpc":"2.0","id":` + string(m.ID) + `,"error":{"code":-32022,"message":"Unsupported protocol version","data":{"supported":` + string(list) + `}}}`)
		case m.Method == "initialize" && probed:
			s.fail(m.ID, -32600, "this process has been probed")
		default:
			return false
		}
		return true
	}
	s.serve()
}

// unsubscribes HOW is a modern server that ends each subscription as soon as it
// has acknowledged it: by a "result" or as "cancelled".
func unsubscribes(args []string) {
	s := modernServer()
	s.before = func(m message) bool {
		if m.Method != "subscriptions/listen" {
			return false
		}
		s.handle(m)
		if args[0] == "cancelled" {
			s.notify("notifications/cancelled", `{"requestId":`+string(m.ID)+`}`)
			return true
		}
		s.result(m.ID, `{"resultType":"complete","_meta":{"io.modelcontextprotocol/subscriptionId":`+string(m.ID)+`}}`)
		return true
	}
	s.serve()
}

// forger is a modern server that refuses subscriptions, and whose tool "forge"
// speaks for one that nobody has.
func forger([]string) {
	s := modernServer()
	s.before = func(m message) bool {
		if m.Method == "subscriptions/listen" {
			s.fail(m.ID, -32601, "no subscriptions here")
			return true
		}
		return false
	}
	s.tools["forge"] = func(c call) {
		c.notify("notifications/tools/list_changed", `{"_meta":{"io.modelcontextprotocol/subscriptionId":4711}}`)
		c.notify("notifications/cancelled", `{"requestId":`+string(c.ID)+`}`)
		c.text("forged")
	}
	s.serve()
}
