package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/mark3labs/mcp-go/mcp"
	"github.com/mark3labs/mcp-go/server"
	"github.com/spf13/cobra"
)

// The demo server is what mcpx connects to as long as nobody has named another:
// an ordinary MCP server over stdio, started from this same binary as
// `mcpx demo-server`. It touches neither files nor network.

type echoInput struct {
	Text string `json:"text" jsonschema:"What to say back"`
}

type addInput struct {
	A float64 `json:"a" jsonschema:"First number"`
	B float64 `json:"b" jsonschema:"Second number"`
}

type addOutput struct {
	Sum float64 `json:"sum" jsonschema:"a + b"`
}

type nowInput struct {
	Timezone string `json:"timezone,omitempty" jsonschema:"IANA name such as Europe/Berlin; UTC when absent"`
}

type wordCountInput struct {
	Text string `json:"text" jsonschema:"The text to count in"`
}

type wordCountOutput struct {
	Characters int `json:"characters" jsonschema:"Unicode code points"`
	Words      int `json:"words" jsonschema:"Runs of characters without white space"`
	Lines      int `json:"lines" jsonschema:"Lines, an unfinished last one included"`
}

type randomInput struct {
	Low   int `json:"low" jsonschema:"Smallest possible number"`
	High  int `json:"high" jsonschema:"Largest possible number"`
	Count int `json:"count,omitempty" jsonschema:"How many, 1 to 100; 1 when absent"`
}

type randomOutput struct {
	Numbers []int `json:"numbers" jsonschema:"The numbers drawn"`
}

type countdownInput struct {
	From       int `json:"from" jsonschema:"Where to start, 1 to 1000"`
	IntervalMS int `json:"interval_ms,omitempty" jsonschema:"Milliseconds per step; 1000 when absent"`
}

const demoGuide = `This is the demo server of mcpx.

It has a few tools: echo, add, now, word_count, random and countdown (which reports progress).
Add a server of your own by writing mcpx.json:

{"mcpServers": {
  "files": {"command": "npx", "args": ["-y", "@modelcontextprotocol/server-filesystem", "."]}
}}
`

// newDemoServer builds the demo server.
func newDemoServer() *server.MCPServer {
	s := server.NewMCPServer("mcpx-demo", version,
		server.WithToolCapabilities(false),
		server.WithResourceCapabilities(false, false),
		server.WithPromptCapabilities(false),
		server.WithInputSchemaValidation(),
		server.WithRecovery(),
		server.WithInstructions("A few harmless tools to try mcpx with. Nothing here touches files or the network."))

	pure := []mcp.ToolOption{
		mcp.WithReadOnlyHintAnnotation(true), mcp.WithDestructiveHintAnnotation(false),
		mcp.WithIdempotentHintAnnotation(true), mcp.WithOpenWorldHintAnnotation(false),
	}
	varying := []mcp.ToolOption{
		mcp.WithReadOnlyHintAnnotation(true), mcp.WithDestructiveHintAnnotation(false),
		mcp.WithIdempotentHintAnnotation(false), mcp.WithOpenWorldHintAnnotation(false),
	}
	tool := func(name, title, description string, traits []mcp.ToolOption, more ...mcp.ToolOption) mcp.Tool {
		opts := append([]mcp.ToolOption{mcp.WithDescription(description), mcp.WithToolTitle(title)}, traits...)
		return mcp.NewTool(name, append(opts, more...)...)
	}

	s.AddTool(tool("echo", "Echo", "Say a text back.", pure, mcp.WithInputSchema[echoInput]()),
		mcp.NewTypedToolHandler(func(_ context.Context, _ mcp.CallToolRequest, in echoInput) (*mcp.CallToolResult, error) {
			return mcp.NewToolResultText(in.Text), nil
		}))
	s.AddTool(tool("add", "Add", "Add two numbers.", pure, mcp.WithInputSchema[addInput](), mcp.WithOutputSchema[addOutput]()),
		mcp.NewStructuredToolHandler(func(_ context.Context, _ mcp.CallToolRequest, in addInput) (addOutput, error) {
			return addOutput{Sum: in.A + in.B}, nil
		}))
	s.AddTool(tool("now", "Date and time", "The current date and time in a time zone.", varying, mcp.WithInputSchema[nowInput]()),
		mcp.NewTypedToolHandler(demoNow))
	s.AddTool(tool("word_count", "Word count", "Count characters, words and lines of a text.", pure,
		mcp.WithInputSchema[wordCountInput](), mcp.WithOutputSchema[wordCountOutput]()),
		mcp.NewStructuredToolHandler(demoWordCount))
	s.AddTool(tool("random", "Random numbers", "Draw random whole numbers, both ends included.", varying,
		mcp.WithInputSchema[randomInput](), mcp.WithOutputSchema[randomOutput]()),
		mcp.NewStructuredToolHandler(demoRandom))
	s.AddTool(tool("countdown", "Countdown", "Count down to zero, reporting progress at each step.", varying,
		mcp.WithInputSchema[countdownInput]()),
		mcp.NewTypedToolHandler(demoCountdown(s)))

	s.AddResource(mcp.NewResource("demo://guide", "guide",
		mcp.WithResourceDescription("What this server is and how to add a real one"),
		mcp.WithMIMEType("text/plain"), mcp.WithResourceSize(int64(len(demoGuide)))),
		func(context.Context, mcp.ReadResourceRequest) ([]mcp.ResourceContents, error) {
			return []mcp.ResourceContents{mcp.TextResourceContents{URI: "demo://guide", MIMEType: "text/plain", Text: demoGuide}}, nil
		})
	s.AddPrompt(mcp.NewPrompt("greet", mcp.WithPromptDescription("Greet someone"),
		mcp.WithArgument("name", mcp.ArgumentDescription("Whom to greet"), mcp.RequiredArgument())),
		func(_ context.Context, req mcp.GetPromptRequest) (*mcp.GetPromptResult, error) {
			text := fmt.Sprintf("Greet %s in one friendly sentence.", req.Params.Arguments["name"])
			return mcp.NewGetPromptResult("Greet someone", []mcp.PromptMessage{
				mcp.NewPromptMessage(mcp.RoleUser, mcp.NewTextContent(text)),
			}), nil
		})
	return s
}

// runDemo serves the demo over the given streams until in ends or ctx does.
func runDemo(ctx context.Context, in io.Reader, out io.Writer) error {
	err := server.NewStdioServer(newDemoServer()).Listen(ctx, in, out)
	if errors.Is(err, context.Canceled) || errors.Is(err, io.EOF) {
		return nil
	}
	return err
}

func demoNow(_ context.Context, _ mcp.CallToolRequest, in nowInput) (*mcp.CallToolResult, error) {
	zone, err := time.LoadLocation(in.Timezone) // "" is UTC
	if err != nil {
		return mcp.NewToolResultErrorf("No time zone %q is known here. Use an IANA name such as Europe/Berlin.", in.Timezone), nil
	}
	return mcp.NewToolResultText(time.Now().In(zone).Format(time.RFC3339)), nil
}

func demoWordCount(_ context.Context, _ mcp.CallToolRequest, in wordCountInput) (wordCountOutput, error) {
	lines := strings.Count(in.Text, "\n")
	if in.Text != "" && !strings.HasSuffix(in.Text, "\n") {
		lines++
	}
	return wordCountOutput{Characters: utf8.RuneCountInString(in.Text), Words: len(strings.Fields(in.Text)), Lines: lines}, nil
}

func demoRandom(_ context.Context, _ mcp.CallToolRequest, in randomInput) (randomOutput, error) {
	count := max(in.Count, 1)
	span := in.High - in.Low
	switch {
	case in.High < in.Low:
		return randomOutput{}, fmt.Errorf("high (%d) is below low (%d)", in.High, in.Low)
	case span < 0 || span+1 < 0:
		return randomOutput{}, errors.New("low and high are too far apart")
	case count > 100:
		return randomOutput{}, fmt.Errorf("count is %d; at most 100 numbers are drawn at once", count)
	}
	numbers := make([]int, count)
	for i := range numbers {
		numbers[i] = in.Low + rand.IntN(span+1)
	}
	return randomOutput{Numbers: numbers}, nil
}

func demoCountdown(s *server.MCPServer) mcp.TypedToolHandlerFunc[countdownInput] {
	return func(ctx context.Context, req mcp.CallToolRequest, in countdownInput) (*mcp.CallToolResult, error) {
		if in.From < 1 || in.From > 1000 {
			return mcp.NewToolResultError("from must be between 1 and 1000"), nil
		}
		step := time.Second
		if in.IntervalMS > 0 {
			step = min(time.Duration(in.IntervalMS)*time.Millisecond, time.Minute)
		}
		tick := time.NewTicker(step)
		defer tick.Stop()
		for left := in.From; left > 0; left-- {
			if m := req.Params.Meta; m != nil && m.ProgressToken != nil {
				// Nobody listening is no reason to stop counting.
				_ = s.SendNotificationToClient(ctx, string(mcp.MethodNotificationProgress), map[string]any{
					"progressToken": m.ProgressToken, "progress": in.From - left, "total": in.From,
					"message": fmt.Sprintf("%d to go", left),
				})
			}
			select {
			case <-tick.C:
			case <-ctx.Done():
				return nil, ctx.Err()
			}
		}
		return mcp.NewToolResultText("Liftoff!"), nil
	}
}

func newDemo(s streams) *cobra.Command {
	return &cobra.Command{
		Use:    "demo-server",
		Short:  "Be the demo server, over stdin and stdout",
		Hidden: true,
		Args:   cobra.NoArgs,
		RunE:   func(cmd *cobra.Command, _ []string) error { return runDemo(cmd.Context(), s.in, s.out) },
	}
}
