package main

import (
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/HdrHistogram/hdrhistogram-go"
	"github.com/mcpx/mcpx/transport/workload/page"
)

// write writes the files that were asked for.
func (l *loadFlags) write(result *loadResult) error {
	if l.out != "" {
		if err := writeJSON(l.out, result); err != nil {
			return err
		}
		if err := writeTo(logName(l.out), result.writeLog); err != nil {
			return fmt.Errorf("--out: %w", err)
		}
	}
	if l.html != "" && len(result.Runs) > 0 {
		if err := writeTo(l.html, func(w io.Writer) error { return page.Write(w, result.page()) }); err != nil {
			return fmt.Errorf("--html: %w", err)
		}
	}
	return nil
}

// page is the result as it is shown in a browser.
func (r *loadResult) page() page.Page {
	p := page.Page{Title: r.Targets[0].Name, Mcpx: r.Mcpx, Ratios: r.Comparison}
	for i, t := range r.Targets {
		runs := r.of(i)
		if len(runs) == 0 {
			continue // it was ended before
		}
		if i > 0 {
			p.Title += " against " + t.Name
		}
		p.Targets = append(p.Targets, page.Target{Name: t.described, Asked: t.Asks, Loop: loop(runs[0]), Runs: runs})
	}
	return p
}

func writeJSON(path string, value any) error {
	text, err := json.MarshalIndent(value, "", "  ")
	if err == nil {
		err = os.WriteFile(path, append(text, '\n'), 0o644)
	}
	if err != nil {
		return fmt.Errorf("--out: %w", err)
	}
	return nil
}

// logName is where the histograms of a JSON file are.
func logName(file string) string { return strings.TrimSuffix(file, filepath.Ext(file)) + ".hlog" }

// writeTo writes a file.
func writeTo(path string, write func(io.Writer) error) error {
	file, err := os.Create(path)
	if err != nil {
		return err
	}
	err = write(file)
	if e := file.Close(); err == nil {
		err = e
	}
	return err
}

// writeLog writes the histograms in the format that HdrHistogram's tools read:
// one line for each run and method, which its tag names.
func (r *loadResult) writeLog(w io.Writer) error {
	log := hdrhistogram.NewHistogramLogWriter(w)
	err := log.OutputLogFormatVersion()
	if err == nil {
		err = log.OutputComment("[latencies of mcpx load in milliseconds]")
	}
	if err == nil && len(r.Runs) > 0 {
		start := r.Runs[0].Started.UnixMilli()
		log.SetBaseTime(start)
		err = log.OutputStartTime(start)
	}
	if err == nil {
		err = log.OutputLegend()
	}
	for _, run := range r.Runs {
		histograms := run.Histograms()
		for _, method := range slices.Sorted(maps.Keys(histograms)) {
			if err != nil {
				return err
			}
			h := histograms[method]
			h.SetTag(fmt.Sprintf("%c%d-%s", 'A'+run.Target, run.Round, method))
			h.SetStartTimeMs(run.Started.UnixMilli())
			h.SetEndTimeMs(run.Started.Add(run.Measured).UnixMilli())
			err = log.OutputIntervalHistogram(h)
		}
	}
	return err
}
