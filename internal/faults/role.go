//go:build unix

package faults

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/waterspout/waterspout/cluster"
	"github.com/waterspout/waterspout/transport/natsserver"
)

// roleEnv tells a child what it is.
const roleEnv = "WATERSPOUT_FAULTS_ROLE"

// A role is what a child is: NATS, or a worker.
type role struct {
	NATS   *natsRole
	Worker *workerRole
}

type natsRole struct{ Addr, Dir string }

// A request is a line on a child's standard input, which it answers with a status.
// The end of the input is the end of the child.
type request struct {
	Number int
	Pause  *time.Duration `json:",omitempty"` // of writers, from now on
}

// A Status is what a worker says of itself.
type Status struct {
	Number     int
	URL        string // of NATS
	Stats      cluster.Stats
	Joined     bool
	Dropped    uint64 // frames that NATS's client threw away
	Goroutines int
}

// Main is the whole life of a child, from which it does not return. In the test's own
// process it returns at once.
func Main() {
	text := os.Getenv(roleEnv)
	if text == "" {
		return
	}
	var r role
	err := json.Unmarshal([]byte(text), &r)
	switch {
	case err != nil:
	case r.NATS != nil:
		err = r.NATS.run()
	case r.Worker != nil:
		err = r.Worker.run()
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "faults:", err)
		os.Exit(1)
	}
	os.Exit(0)
}

// orphaned is the exit status of a child whose parent has gone.
const orphaned = 4

// serve answers requests.
func serve(answer func(request) Status) {
	in, out := bufio.NewScanner(os.Stdin), json.NewEncoder(os.Stdout)
	for in.Scan() {
		var r request
		if err := json.Unmarshal(in.Bytes(), &r); err != nil {
			break
		}
		s := answer(r)
		s.Number = r.Number
		if err := out.Encode(s); err != nil {
			break
		}
	}
	os.Exit(orphaned)
}

func (n natsRole) run() error {
	server, err := natsserver.Start(natsserver.Options{Addr: n.Addr, Dir: n.Dir, Log: childLog()})
	if err != nil {
		return err
	}
	go serve(func(request) Status { return Status{URL: server.URL()} })
	end := make(chan os.Signal, 1)
	signal.Notify(end, syscall.SIGTERM)
	<-end
	return server.Close()
}
