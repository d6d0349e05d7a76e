//go:build unix

package realkafka

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

// programs puts shell scripts of these names first in PATH, and the cache into a
// directory that is empty.
func programs(t *testing.T, scripts map[string]string) (dir string) {
	t.Helper()
	dir = t.TempDir()
	for name, script := range scripts {
		if err := os.WriteFile(filepath.Join(dir, name), []byte("#!/bin/sh\n"+script), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	t.Setenv("PATH", dir+":/usr/bin:/bin")
	t.Setenv("HOME", dir)
	t.Setenv("XDG_CACHE_HOME", filepath.Join(dir, "cache"))
	return dir
}

// copies is a mvn that notes each call and writes a jar where it is told to.
const copies = `echo call >>"${0%/*}/calls"
for arg; do case $arg in -DoutputDirectory=*) echo jar >"${arg#*=}/kafka.jar";; esac; done
`

func wantLine(t *testing.T, err error, parts ...string) {
	t.Helper()
	if err == nil {
		t.Fatal("no error")
	}
	if strings.Contains(err.Error(), "\n") {
		t.Errorf("more than one line: %q", err)
	}
	for _, part := range parts {
		if !strings.Contains(err.Error(), part) {
			t.Errorf("%q does not say %q", err, part)
		}
	}
}

func TestMissingPrograms(t *testing.T) {
	t.Setenv("PATH", t.TempDir())
	_, err := Start(t.Context(), t.TempDir())
	wantLine(t, err, "no java in PATH", "install Java 17 or later and Maven")
	if !errors.Is(err, ErrMissing) {
		t.Error("not ErrMissing")
	}
	t.Setenv("XDG_CACHE_HOME", t.TempDir())
	t.Setenv("HOME", t.TempDir())
	_, err = artifacts(t.Context())
	wantLine(t, err, "no mvn in PATH")
}

// Many that want the jars at once have them fetched once, and none sees half of
// them.
func TestArtifactsAreFetchedOnce(t *testing.T) {
	dir := programs(t, map[string]string{"mvn": copies})
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			jars, err := artifacts(t.Context())
			if err != nil {
				t.Error(err)
			} else if !present(filepath.Join(jars, "kafka.jar")) {
				t.Error("the jar is not there")
			}
		})
	}
	all.Wait()
	calls, err := os.ReadFile(filepath.Join(dir, "calls"))
	if err != nil || string(calls) != "call\n" {
		t.Errorf("Maven was called so: %q, %v", calls, err)
	}
}

// A fetch that failed leaves nothing that a later one takes for Kafka.
func TestArtifactsAfterAFailure(t *testing.T) {
	dir := programs(t, map[string]string{"mvn": copies + "echo no route to Maven Central\nexit 1"})
	_, err := artifacts(t.Context())
	wantLine(t, err, "fetch Kafka with Maven", "exit status 1", "no route to Maven Central")
	if err := os.WriteFile(filepath.Join(dir, "mvn"), []byte("#!/bin/sh\n"+copies), 0o755); err != nil {
		t.Fatal(err)
	}
	if jars, err := artifacts(t.Context()); err != nil || !present(filepath.Join(jars, "kafka.jar")) {
		t.Error(err)
	}
}

// Whatever java does, Start says it in one line and leaves nothing behind.
func TestStartSaysWhatIsWrong(t *testing.T) {
	const formats = `case "$*" in *StorageTool*) exit 0;; esac
`
	for name, c := range map[string]struct {
		java string
		want []string
	}{
		"too old":    {java: "echo UnsupportedClassVersionError; exit 1", want: []string{"too old", "install Java 17"}},
		"bad format": {java: "printf 'no such property\\n\\tat kafka\\n\\tat java\\n'; exit 1", want: []string{"prepare", "exit status 1: no such property"}},
		"ends":       {java: formats + "echo one; echo two; exit 3", want: []string{"the broker ended", "exit status 3", "one; two"}},
		"hangs":      {java: formats + "echo waiting; exec sleep 600", want: []string{"does not start", "enough", "waiting"}},
	} {
		t.Run(name, func(t *testing.T) {
			programs(t, map[string]string{"mvn": copies, "java": c.java})
			ctx, cancel := context.WithTimeoutCause(t.Context(), time.Second, errors.New("enough"))
			defer cancel()
			dir := t.TempDir()
			_, err := Start(ctx, dir)
			wantLine(t, err, append(c.want, "realkafka: ")...)
			if left, err := os.ReadDir(dir); err != nil || len(left) > 0 {
				t.Errorf("left behind: %v, %v", left, err)
			}
		})
	}
}

func TestClusterIDIsNoOption(t *testing.T) {
	for range 1000 {
		if id := clusterID(); len(id) != 22 || id[0] == '-' {
			t.Fatal(id)
		}
	}
}
