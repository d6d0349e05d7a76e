package main

import (
	"bytes"
	"encoding/json"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/waterspout/waterspout/benchmarks/internal/harness"
	"github.com/waterspout/waterspout/benchmarks/internal/models"
	"github.com/waterspout/waterspout/benchmarks/internal/steps"
)

func TestMain(m *testing.M) {
	if harness.IsChild() {
		os.Exit(harness.Serve())
	}
	os.Exit(m.Run())
}

// output is what f prints.
func output(t *testing.T, f func() error) string {
	t.Helper()
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	was := os.Stdout
	os.Stdout = w
	read := make(chan string)
	go func() {
		b, _ := io.ReadAll(r) // ends with the pipe
		read <- string(b)
	}()
	err = f()
	os.Stdout = was
	_ = w.Close()
	out := <-read
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	return out
}

// figures are those of the last line.
func figures(t *testing.T, out string) map[string]harness.Figures {
	t.Helper()
	lines := strings.Split(strings.TrimSpace(out), "\n")
	dec := json.NewDecoder(bytes.NewBufferString(lines[len(lines)-1]))
	dec.DisallowUnknownFields()
	var got map[string]harness.Figures
	if err := dec.Decode(&got); err != nil {
		t.Fatalf("%v in the last line of\n%s", err, out)
	}
	for name, f := range got {
		if f.PerSecond <= 0 || f.CPU <= 0 || f.Runs == 0 {
			t.Errorf("%s: %+v", name, f)
		}
	}
	return got
}

func TestWordcount(t *testing.T) {
	out := output(t, func() error {
		return run(t.Context(), []string{"wordcount", "-n", "5000", "-runs", "2", "-costs=false", "-json", "-q"})
	})
	got := figures(t, out)
	for _, name := range contenders {
		if got[name].Runs != 2 {
			t.Errorf("%s: %+v", name, got[name])
		}
	}
	if !strings.Contains(out, "acked / unacked: rate") {
		t.Errorf("no ratio in\n%s", out)
	}
}

func TestReference(t *testing.T) {
	dir := t.TempDir()
	out := output(t, func() error {
		return run(t.Context(), []string{"reference", "-n", "300000", "-runs", "1", "-decoders", "2", "-encoders", "2", "-json", "-q", "-profile", dir})
	})
	got := figures(t, out)
	for _, name := range contenders {
		if got[name].Runs != 1 {
			t.Errorf("%s: %+v", name, got[name])
		}
	}
	if !strings.Contains(out, "missing 0, duplicates 0") || !strings.Contains(out, "acked / unacked: rate") {
		t.Errorf("no verdict or ratio in\n%s", out)
	}
	shares, err := steps.Of(filepath.Join(dir, "reference-acked.pprof"))
	if err != nil || !strings.Contains(out, "CPU s/M by step") {
		t.Errorf("error %v, no steps in\n%s", err, out)
	}
	for _, s := range shares { // the functions that it goes by are still there
		if s.Step == steps.Other && s.Part > 0.5 {
			t.Errorf("steps: %v", shares)
		}
	}
}

func TestWorkers(t *testing.T) {
	out := output(t, func() error {
		return run(t.Context(), []string{"workers", "-embedded", "-n", "300000", "-runs", "1", "-decoders", "2", "-encoders", "2", "-idle", "1", "-json", "-q"})
	})
	lines := strings.Split(strings.TrimSpace(out), "\n")
	dec := json.NewDecoder(bytes.NewBufferString(lines[len(lines)-1]))
	dec.DisallowUnknownFields()
	var got workersFigures
	if err := dec.Decode(&got); err != nil {
		t.Fatalf("%v in the last line of\n%s", err, out)
	}
	for name, f := range map[string]harness.Figures{"one process": got.OneProcess, "two workers": got.TwoWorkers} {
		if f.PerSecond <= 0 || f.CPU <= 0 || f.Runs != 1 || f.Start <= 0 {
			t.Errorf("%s: %+v", name, f)
		}
	}
	if got.Crossing <= 0 || got.Crossing >= 1 || got.Rate <= 0 || got.Idle == nil || len(got.Idle.Workers) != 3 {
		t.Errorf("%+v", got)
	}
	if !strings.Contains(out, "missing 0, duplicates 0") || !strings.Contains(out, "two workers / one process: rate") {
		t.Errorf("no verdict or ratio in\n%s", out)
	}
}

func TestModels(t *testing.T) {
	dir := t.TempDir()
	out := output(t, func() error {
		return run(t.Context(), []string{"models", "-short", "-only", "drain", "-dir", dir, "-q"})
	})
	stem := strings.TrimSuffix(strings.TrimSpace(strings.TrimPrefix(out, "results:")), ".md")
	rs, err := models.Read(stem + ".json")
	if err != nil || len(rs.Runs) != 5 || rs.Voids() > 0 || !strings.Contains(rs.Command, "models -short -only drain") {
		t.Errorf("%+v, %v", rs, err)
	}
	if md, err := os.ReadFile(stem + ".md"); err != nil || !strings.Contains(string(md), models.DirectSecond) {
		t.Errorf("%s, %v", md, err)
	}
}

func TestBadArguments(t *testing.T) {
	for _, args := range [][]string{{}, {"storm"}, {"hops", "-runs", "0"}, {"wordcount", "much"}, {"reference", "-n", "0"}, {"workers", "-idle"},
		{"models", "-full", "-short"}, {"models", "-only", "drains"}, {"models", "-rate", "-1"}, {"peers", "much"}} {
		if run(t.Context(), args) == nil {
			t.Errorf("%q is no error", args)
		}
	}
}
