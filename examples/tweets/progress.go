package main

import (
	"fmt"
	"io"
	"os"
	"sync"
	"time"

	"golang.org/x/term"
)

// A progress shows how far the program is: on a terminal one line that is drawn
// again and again, elsewhere a line every few seconds. The log is written
// through it, so that the two do not mix. Its methods may be called from any
// goroutine.
type progress struct {
	quiet bool
	every time.Duration
	clear string // what takes the drawn line away

	mu   sync.Mutex
	w    io.Writer
	line string // what is drawn now
}

func newProgress(w io.Writer, quiet bool) *progress {
	p := &progress{w: w, quiet: quiet, every: 3 * time.Second}
	if f, ok := w.(*os.File); ok && term.IsTerminal(int(f.Fd())) {
		p.every, p.clear = 200*time.Millisecond, "\r\x1b[K"
	}
	return p
}

func (p *progress) terminal() bool { return p.clear != "" }

// during shows what text returns until the result is called, which shows it a
// last time.
func (p *progress) during(text func() string) (end func()) {
	if p.quiet {
		return func() {}
	}
	stop := make(chan struct{})
	var drawing sync.WaitGroup
	drawing.Go(func() {
		ticker := time.NewTicker(p.every)
		defer ticker.Stop()
		for {
			select {
			case <-ticker.C:
				p.draw(text())
			case <-stop:
				return
			}
		}
	})
	return func() {
		close(stop)
		drawing.Wait()
		p.finish(text())
	}
}

func (p *progress) draw(line string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.terminal() {
		fmt.Fprintln(p.w, line)
		return
	}
	fmt.Fprint(p.w, p.clear, line)
	p.line = line
}

func (p *progress) finish(line string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	fmt.Fprintln(p.w, p.clear+line)
	p.line = ""
}

// Write writes a line of the log above the one that is drawn.
func (p *progress) Write(b []byte) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.line == "" {
		return p.w.Write(b)
	}
	fmt.Fprint(p.w, p.clear)
	n, err := p.w.Write(b)
	fmt.Fprint(p.w, p.line)
	return n, err
}

// A meter turns a count into text: how many, of how many, how fast.
type meter struct {
	what  string
	total uint64 // 0 is unknown
	start time.Time
}

func (m meter) text(n uint64) string {
	rate := float64(n) / time.Since(m.start).Seconds()
	if m.total == 0 {
		return fmt.Sprintf("%s: %s, %s/s", m.what, grouped(n), grouped(uint64(rate)))
	}
	return fmt.Sprintf("%s: %s of %s, %.0f %%, %s/s",
		m.what, grouped(n), grouped(m.total), 100*float64(n)/float64(m.total), grouped(uint64(rate)))
}
