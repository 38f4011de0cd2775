package main

import "testing"

func TestSplitMethod_TheLongestServerNameWins(t *testing.T) {
	many := []string{"fs", "fs.local", "git.hub"}
	for _, c := range []struct {
		servers      []string
		method       string
		server, tool string
		ok           bool
	}{
		{many, "fs.read", "fs", "read", true},
		{many, "fs.local.read", "fs.local", "read", true},
		{many, "fs.local", "fs", "local", true},
		{many, "git.hub.issues.list", "git.hub", "issues.list", true},
		{many, "git.issues", "", "", false},
		{many, "fs.", "", "", false},
		{many, "read", "", "", false},
		{[]string{"demo"}, "demo.add", "demo", "add", true},
		{[]string{"demo"}, "add", "demo", "add", true},
		{[]string{"demo"}, "a.b", "demo", "a.b", true},
		{[]string{"demo"}, "demo", "", "", false},
		{nil, "a.b", "", "", false},
	} {
		server, tool, ok := splitMethod(c.servers, c.method)
		if server != c.server || tool != c.tool || ok != c.ok {
			t.Errorf("%v %q: got %q %q %v", c.servers, c.method, server, tool, ok)
		}
	}
}
