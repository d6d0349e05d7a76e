package realkafka

import (
	"bytes"
	"context"
	"crypto/sha256"
	_ "embed"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
)

//go:embed pom.xml
var pom []byte

// ErrMissing is the error where a program that Apache Kafka needs is not there.
// Its text says what to install.
var ErrMissing = errors.New("install Java 17 or later and Maven to run Apache Kafka")

func need(program string) error {
	if _, err := exec.LookPath(program); err != nil {
		return fmt.Errorf("realkafka: no %s in PATH: %w", program, ErrMissing)
	}
	return nil
}

// artifacts is the directory of Kafka's jars. Maven fetches them, 44 MB, if they
// are not there.
func artifacts(ctx context.Context) (string, error) {
	cache, err := os.UserCacheDir()
	if err != nil {
		return "", fmt.Errorf("realkafka: no place for Kafka's jars: %w", err)
	}
	// Another pom has another name, so that a directory that is there is right.
	name := fmt.Sprintf("kafka-%.6x", sha256.Sum256(pom))
	dir := filepath.Join(cache, "waterspout", name)
	if present(dir) {
		return dir, nil
	}
	if err := need("mvn"); err != nil {
		return "", err
	}
	if err := os.MkdirAll(filepath.Dir(dir), 0o755); err != nil {
		return "", fmt.Errorf("realkafka: %w", err)
	}
	unlock, err := lock(ctx, dir+".lock")
	if err != nil {
		return "", fmt.Errorf("realkafka: the right to fetch Kafka: %w", err)
	}
	defer unlock()
	if present(dir) {
		return dir, nil
	}
	return dir, fetch(ctx, dir)
}

func present(dir string) bool {
	_, err := os.Stat(dir)
	return err == nil
}

// fetch fills a directory beside dir, and renames it: what a killed process left
// is never taken for whole. Call it with the lock.
func fetch(ctx context.Context, dir string) error {
	partial := dir + ".partial"
	file := filepath.Join(partial, "pom.xml")
	if err := os.RemoveAll(partial); err != nil {
		return fmt.Errorf("realkafka: %w", err)
	}
	if err := os.Mkdir(partial, 0o755); err != nil {
		return fmt.Errorf("realkafka: %w", err)
	}
	if err := os.WriteFile(file, pom, 0o644); err != nil {
		return fmt.Errorf("realkafka: %w", err)
	}
	out, err := output(ctx, "mvn", "-q", "-B", "-f", file, "dependency:copy-dependencies", "-DoutputDirectory="+partial)
	if err != nil {
		return fmt.Errorf("realkafka: fetch Kafka with Maven: %w: %s", err, excerpt(out, false, 3))
	}
	if err := os.Rename(partial, dir); err != nil {
		return fmt.Errorf("realkafka: %w", err)
	}
	return nil
}

// output runs a program to its end and returns what it said.
func output(ctx context.Context, program string, args ...string) ([]byte, error) {
	var out bytes.Buffer
	p, err := run(&out, program, args...)
	if err != nil {
		return nil, err
	}
	select {
	case <-p.done:
	case <-ctx.Done():
		p.kill()
		return out.Bytes(), context.Cause(ctx)
	}
	if !p.cmd.ProcessState.Success() {
		return out.Bytes(), errors.New(p.cmd.ProcessState.String())
	}
	return out.Bytes(), nil
}

// excerpt is up to n lines in one, the first ones or the last, without Java's stacks.
func excerpt(log []byte, last bool, n int) string {
	lines := slices.DeleteFunc(strings.Split(strings.TrimSpace(string(log)), "\n"), func(l string) bool {
		return strings.HasPrefix(l, "\t")
	})
	if last {
		lines = lines[max(0, len(lines)-n):]
	}
	return strings.Join(lines[:min(n, len(lines))], "; ")
}
