package main

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/waterspout/waterspout/cluster"
	"github.com/waterspout/waterspout/transport/natsnet"
	"github.com/waterspout/waterspout/transport/natsserver"
)

// patience is how long children may take to end once they were told to: their grace,
// twice, since what they hand over others may have to hand over again.
const patience = 2*cluster.DefaultGrace + 4*time.Second

// shared runs the job in processes of its own, over a NATS in this one, until ctx
// ends.
func (t *trial) shared(ctx context.Context) (err error) {
	t.introduce(t.broker.Addrs())
	server, err := natsserver.Start(natsserver.Options{Log: t.log})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, server.Close()) }()
	c := crew{trial: t, url: server.URL(), ended: make(chan *child)}
	start, cpu := time.Now(), cpuTime()
	m := meter{"committed", t.options.n, start}
	end := t.progress.during(func() string { return m.text(t.commits.Load()) })
	err = c.run(ctx)
	end()
	took := time.Since(start)
	all, unread := readStats(context.WithoutCancel(ctx), natsnet.Net{URL: server.URL()})
	if unread != nil {
		if errors.Is(unread, errNoStats) && ctx.Err() != nil {
			unread = nil // ended before it had begun
		}
		return errors.Join(err, unread)
	}
	t.summary.ran(all[0], took, cpuTime()-cpu+c.cpu)
	t.summary.workers = t.options.workers
	return err
}

// A crew is the children of a trial. It belongs to one goroutine.
type crew struct {
	trial *trial
	url   string
	hired int
	live  []*child
	ended chan *child
	cpu   time.Duration // of those that have ended
}

// run keeps up the number of workers until ctx ends or one fails, and drains them.
func (c *crew) run(ctx context.Context) error {
	for range c.trial.options.workers {
		if err := c.hire(); err != nil {
			return errors.Join(err, c.drain())
		}
	}
	for {
		select {
		case <-ctx.Done():
			return c.drain()
		case <-c.trial.kills:
			c.kill()
			if err := c.hire(); err != nil {
				return errors.Join(err, c.drain())
			}
		case gone := <-c.ended:
			if err := c.bury(gone); err != nil || !gone.killed {
				if err == nil {
					err = fmt.Errorf("%s ended, though nobody told it to: %s", gone.name, gone.last)
				}
				return errors.Join(err, c.drain())
			}
		}
	}
}

func (c *crew) hire() error {
	c.hired++
	name := "worker-" + strconv.Itoa(c.hired)
	child, err := startChild(name, c.trial.options.childArgs(c.url, name, c.trial.broker.Addrs()), c.trial.relay, c.ended)
	if err != nil {
		return fmt.Errorf("start %s: %w", name, err)
	}
	c.trial.log.Info("started a worker", "process", name, "pid", child.cmd.Process.Pid)
	c.live = append(c.live, child)
	return nil
}

// kill kills one of the children, whichever.
func (c *crew) kill() {
	alive := slices.DeleteFunc(slices.Clone(c.live), func(c *child) bool { return c.killed })
	victim := alive[rand.IntN(len(alive))]
	c.trial.log.Info("killing a worker", "process", victim.name, "pid", victim.cmd.Process.Pid)
	victim.kill()
}

// bury takes note of the end of a child, and returns its failure.
func (c *crew) bury(gone *child) error {
	c.live = slices.DeleteFunc(c.live, func(c *child) bool { return c == gone })
	c.cpu += gone.cpu()
	return gone.failure()
}

// drain ends all children and waits for them.
func (c *crew) drain() error {
	for _, child := range c.live {
		child.drain()
	}
	var errs []error
	late := time.After(patience)
	for len(c.live) > 0 {
		select {
		case gone := <-c.ended:
			errs = append(errs, c.bury(gone))
		case <-late:
			for _, child := range c.live {
				errs = append(errs, fmt.Errorf("%s did not end within %v", child.name, patience))
				child.kill()
			}
		}
	}
	return errors.Join(errs...)
}

// childArgs are the flags of a worker: those of production, and -child.
func (o *options) childArgs(url, name string, brokers []string) []string {
	args := []string{
		"-child", "-follow", "-nats", url, "-name", name, "-log", "json",
		"-brokers", strings.Join(brokers, ","), "-in", o.in, "-out", o.out, "-dead", o.dead, "-group", o.group,
		"-seed", strconv.FormatUint(o.seed, 10), "-fail", strconv.FormatFloat(o.fail, 'g', -1, 64),
	}
	for flag, n := range map[string]int{"-spouts": o.spouts, "-decoders": o.decoders, "-encoders": o.encoders, "-writers": o.writers} {
		args = append(args, flag, strconv.Itoa(n))
	}
	if o.quiet {
		args = append(args, "-q")
	}
	return args
}
