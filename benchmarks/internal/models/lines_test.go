package models

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestLines(t *testing.T) {
	const program = `// A comment.
package main

import "fmt"

import (
	"errors"
	"os"
	"strings"
)

/* A comment. */
/**
 * Another one.
 */
func main() { // counts
	fmt.Println("a")

	os.Exit(0)
}
`
	if n := Lines(program); n != 4 {
		t.Errorf("%d lines", n)
	}
	if n := Lines("package a;\nimport static b.c;\nimport d;\nclass E {}"); n != 1 {
		t.Errorf("%d lines of Java", n)
	}
}

// The jobs that are compared are there to be counted.
func TestReadPrograms(t *testing.T) {
	got := ReadPrograms("../../..", Program{Path: "examples/microbatch/job_topology.go"}, Program{Path: "no/such.go"})
	if len(got) != 1 || got[0].Lines < 20 {
		t.Errorf("%+v", got)
	}
}

// Every known problem has its test.
func TestProblemsHaveTests(t *testing.T) {
	files, err := filepath.Glob("../../microbatch/*_test.go")
	if err != nil || len(files) == 0 {
		t.Fatal(files, err)
	}
	var all strings.Builder
	for _, f := range files {
		source, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		all.Write(source)
	}
	for _, p := range Problems {
		if !strings.Contains(all.String(), "func "+p.Test+"(") {
			t.Errorf("%s: no %s", p.What, p.Test)
		}
	}
}
