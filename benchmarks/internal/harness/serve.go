package harness

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
)

// childArgument is the first argument of a child process.
const childArgument = "-as-a-child"

// IsChild reports whether this process was started by [Spawn].
func IsChild() bool { return len(os.Args) > 1 && os.Args[1] == childArgument }

type handler func(ctx context.Context, arg json.RawMessage) (any, error)

var handlers = map[string]handler{}

// Register names a function that children serve. Argument and result travel as
// JSON. What it starts may go on after it returned; ctx ends with the process.
func Register[A, R any](name string, f func(ctx context.Context, arg A) (R, error)) {
	handlers[name] = func(ctx context.Context, raw json.RawMessage) (any, error) {
		var arg A
		if err := json.Unmarshal(raw, &arg); err != nil {
			return nil, fmt.Errorf("argument of %s: %w", name, err)
		}
		return f(ctx, arg)
	}
}

type request struct {
	Name string          `json:"name"`
	Arg  json.RawMessage `json:"arg"`
}

type reply struct {
	Result json.RawMessage `json:"result,omitempty"`
	Err    string          `json:"error,omitempty"`
}

// Serve is the whole life of a child process. It returns the exit status when
// the parent has closed the pipe or is gone, at once, also in the middle of a
// call.
func Serve() int {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	out := json.NewEncoder(os.Stdout)
	calls := make(chan request)
	go readCalls(os.Stdin, calls)
	done := make(chan reply)
	for {
		select {
		case r, ok := <-calls:
			if !ok {
				return 0
			}
			go func() { done <- answer(ctx, r) }()
		case r := <-done:
			if err := out.Encode(r); err != nil {
				return 1
			}
		}
	}
}

func readCalls(in io.Reader, calls chan<- request) {
	defer close(calls)
	dec := json.NewDecoder(bufio.NewReader(in))
	for {
		var r request
		if dec.Decode(&r) != nil {
			return
		}
		calls <- r
	}
}

func answer(ctx context.Context, r request) reply {
	h, ok := handlers[r.Name]
	if !ok {
		return reply{Err: fmt.Sprintf("a child knows no %q", r.Name)}
	}
	v, err := h(ctx, r.Arg)
	if err != nil {
		return reply{Err: err.Error()}
	}
	raw, err := json.Marshal(v)
	if err != nil {
		return reply{Err: err.Error()}
	}
	return reply{Result: raw}
}
