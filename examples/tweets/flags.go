package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"strings"
	"time"
)

// options are what the flags say.
type options struct {
	n    uint64
	seed uint64
	rate int // records/s into the input; 0 is all at once

	brokers  []string // none: a Kafka in this process
	in, out  string
	dead     string // none: bad records are dropped
	group    string
	spouts   int
	decoders int
	encoders int
	writers  int
	fail     float64

	nats     string // where the other workers are; none: this process runs alone
	insecure bool
	creds    string
	name     string
	stats    bool
	workers  int // processes; 0 is this one
	kill     time.Duration
	child    bool

	follow bool
	json   bool
	quiet  bool
	log    string
}

// parse reads the flags and reports a mistake in one line.
func parse(args []string, usage io.Writer) (options, error) {
	var o options
	var brokers string
	f := flag.NewFlagSet("tweets", flag.ContinueOnError)
	f.SetOutput(io.Discard)
	f.Uint64Var(&o.n, "n", 1_000_000, "fill the input with this many `tweets`")
	f.Uint64Var(&o.seed, "seed", 1, "`number` that the tweets are made from")
	f.IntVar(&o.rate, "rate", 0, "fill with `records/s` while the job runs; 0 fills first, as fast as it goes")
	f.StringVar(&brokers, "brokers", "", "use the Kafka at `host:port,...` instead of one in this process")
	f.StringVar(&o.in, "in", "zerg.hydra", "input `topic`")
	f.StringVar(&o.out, "out", "zerg.hydra.out", "output `topic`")
	f.StringVar(&o.dead, "dead", "", "dead-letter `topic` for bad records; without one they are dropped and counted")
	f.StringVar(&o.group, "group", "terran", "consumer `group`")
	f.IntVar(&o.spouts, "spouts", 5, "`tasks` that read")
	f.IntVar(&o.decoders, "decoders", 20, "`tasks` that decode")
	f.IntVar(&o.encoders, "encoders", 20, "`tasks` that encode")
	f.IntVar(&o.writers, "writers", 1, "`tasks` that write")
	f.Float64Var(&o.fail, "fail", 0, "`share` of attempts at decoding that fail")
	f.StringVar(&o.nats, "nats", "", "run as one of the workers that share the job over the NATS at `URL`; with -follow or -stats")
	f.BoolVar(&o.insecure, "insecure", false, "allow plaintext to a NATS on another host")
	f.StringVar(&o.creds, "creds", "", "`file` with the credentials for NATS")
	f.StringVar(&o.name, "name", "", "`name` of this worker in logs; the host's if empty")
	f.BoolVar(&o.stats, "stats", false, "print what the workers of the job have done so far, and exit")
	f.IntVar(&o.workers, "workers", 0, "share the job among this many `processes`, over a NATS in this one")
	f.DurationVar(&o.kill, "kill", 0, "kill one of the -workers every `interval`, and start another; the input is paced for it")
	f.BoolVar(&o.child, "child", false, "be a process of -workers: drain when told to on stdin, end when that does, show no progress")
	f.BoolVar(&o.follow, "follow", false, "run until SIGTERM, then drain; make and fill nothing, check nothing")
	f.BoolVar(&o.json, "json", false, "end with a line of JSON")
	f.BoolVar(&o.quiet, "q", false, "show no progress, and log warnings only")
	f.StringVar(&o.log, "log", "console", "`format` of the log on stderr: console or json")
	if err := f.Parse(args); err != nil {
		if errors.Is(err, flag.ErrHelp) {
			f.SetOutput(usage)
			f.Usage()
		}
		return o, err
	}
	if brokers != "" {
		o.brokers = strings.Split(brokers, ",")
	}
	if f.NArg() > 0 {
		return o, fmt.Errorf("unexpected argument %q; there are only flags, see -help", f.Arg(0))
	}
	if o.kill > 0 && o.rate == 0 {
		o.rate = pace(o.n, o.kill)
	}
	if err := o.checkMode(); err != nil {
		return o, err
	}
	return o, o.check()
}

func (o *options) check() error {
	switch {
	case o.rate < 0:
		return fmt.Errorf("-rate %d: want records a second, or 0 for all at once", o.rate)
	case o.fail < 0 || o.fail >= 1:
		return fmt.Errorf("-fail %g: want a share from 0 to below 1", o.fail)
	case o.log != "console" && o.log != "json":
		return fmt.Errorf("-log %s: want console or json", o.log)
	case o.follow && o.brokers == nil:
		return errors.New("-follow needs -brokers: a Kafka in this process has nothing to follow")
	case o.in == o.out || o.in == o.dead || o.out == o.dead:
		return errors.New("-in, -out and -dead must be different topics")
	}
	for name, tasks := range map[string]int{"spouts": o.spouts, "decoders": o.decoders, "encoders": o.encoders, "writers": o.writers} {
		if tasks < 1 {
			return fmt.Errorf("-%s %d: want at least one task", name, tasks)
		}
	}
	return nil
}
