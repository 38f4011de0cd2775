package main

import (
	"context"
	"os"
	"strings"
	"sync"

	"github.com/mcpx/mcpx/messages"
	"github.com/spf13/cobra"
)

// runServer is what serve and stdio do: load, start, follow the configuration,
// and go on until until returns. prepare comes before anything is started.
func (f *sourceFlags) runServer(cmd *cobra.Command, s streams, args []string, prepare, until func(*app) error) error {
	before, after, _ := split(cmd, args)
	cfg, err := f.load(cmd, s, first(before), after)
	if err != nil {
		return err
	}
	if f.endpoint != "" {
		if err := cfg.narrow(f.endpoint); err != nil {
			return err
		}
	}
	ctx := cmd.Context()
	a := newApp(cfg, s.err)
	defer a.Stop()
	if err := prepare(a); err != nil {
		return err
	}
	if err := a.Start(ctx, cfg.Servers); err != nil {
		return err
	}
	defer a.followConfig(ctx, s.hangups)()
	return until(a)
}

// followConfig reloads the configuration on each hangup, and, with hot_reload,
// when its file changes, until the function that it returns is called.
func (a *app) followConfig(ctx context.Context, hangups func() <-chan os.Signal) (stop func()) {
	ctx, cancel := context.WithCancel(ctx)
	var asked <-chan os.Signal
	if hangups != nil {
		asked = hangups()
	}
	var watched <-chan struct{}
	if a.cfg.HotReload {
		watched = a.cfg.Watch(ctx)
	}
	changes := watched
	r := &reloader{app: a, running: a.cfg.Servers}
	var wg sync.WaitGroup
	wg.Go(func() {
		for {
			select {
			case <-ctx.Done():
				return
			case <-asked:
				r.reload(ctx)
			case _, watching := <-changes:
				if !watching {
					if changes = nil; ctx.Err() == nil {
						a.log.Warn().Msg("hot_reload has no effect: there is no configuration file to watch")
					}
					continue
				}
				r.reload(ctx)
			}
		}
	})
	return func() {
		cancel()
		wg.Wait()
		if watched != nil {
			for range watched { // closed when the watch has ended
				continue
			}
		}
	}
}

// reloader brings into force what changes in the configuration while the
// program runs. One goroutine uses it.
type reloader struct {
	*app
	running []messages.ServerSpec
}

// reload loads the configuration and applies what is different. What is wrong
// is logged, and changes nothing.
func (r *reloader) reload(ctx context.Context) {
	path := r.cfg.source.opts.Path
	if info, err := os.Stat(path); err == nil && !info.Mode().IsRegular() {
		r.log.Error().Msgf("%s is no file that can be read again; the old configuration goes on", path)
		return
	}
	cfg, problems := r.cfg.source.load()
	r.sayProblems(problems)
	update, ok := r.cfg.Update(r.running, cfg, problems)
	if !ok {
		r.log.Error().Msg("The configuration has errors; the old one goes on")
		return
	}
	diff, err := r.runtime.Apply(ctx, update.Servers)
	if err != nil {
		if ctx.Err() == nil {
			r.log.Error().Err(err).Msg("The configuration could not be applied")
		}
		return
	}
	r.running = update.Servers
	if len(update.Kept) > 0 {
		r.log.Warn().Strs("servers", update.Kept).Msg("Servers with errors go on as they were")
	}
	if len(update.Fixed) > 0 {
		r.log.Warn().Strs("keys", update.Fixed).Msgf("Takes effect when mcpx is started again: %s", strings.Join(update.Fixed, ", "))
	}
	r.log.Info().Strs("added", diff.Added).Strs("changed", diff.Changed).Strs("removed", diff.Removed).Int("unchanged", len(diff.Unchanged)).
		Msg("Configuration reloaded")
}
