module github.com/mcpx/mcpx

go 1.26
