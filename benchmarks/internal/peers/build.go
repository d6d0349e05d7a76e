package peers

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	sources "github.com/waterspout/waterspout/benchmarks/peers"
)

const common = "common" // of the sources, to every module

func cacheDir() (string, error) {
	dir, err := os.UserCacheDir()
	if err != nil {
		return "", fmt.Errorf("peers: no place for what is built: %w", err)
	}
	return filepath.Join(dir, "waterspout", "peers"), nil
}

// build returns the directory in which a module is: lib, classes and a log4j2.properties.
// Its name is the hash of the sources, and it comes to be by a rename, so that
// what is there is whole, whoever else builds at the same time.
func (t tools) build(ctx context.Context, cache, module string) (string, error) {
	hash, err := sourceHash(sources.Sources, module)
	if err != nil {
		return "", err
	}
	built := filepath.Join(cache, module+"-"+hash)
	if _, err := os.Stat(built); err == nil {
		return built, nil
	}
	if err := os.MkdirAll(cache, 0o755); err != nil {
		return "", err
	}
	work, err := os.MkdirTemp(cache, "build-")
	if err != nil {
		return "", err
	}
	defer os.RemoveAll(work)
	if err := t.compile(ctx, work, module); err != nil {
		return "", err
	}
	if err := os.Rename(filepath.Join(work, "out"), built); err != nil && !errors.Is(err, fs.ErrExist) {
		return "", err
	}
	return built, removeOthers(cache, module, built)
}

// compile leaves the result in the directory out of work.
func (t tools) compile(ctx context.Context, work, module string) error {
	src, out := filepath.Join(work, "src"), filepath.Join(work, "out")
	if err := os.CopyFS(src, sources.Sources); err != nil {
		return err
	}
	cmd := exec.CommandContext(ctx, t.mvn, "-q", "-B", "-f", filepath.Join(src, module, "pom.xml"), "-Dout="+out,
		"compile", "dependency:copy-dependencies", "-DoutputDirectory="+filepath.Join(out, "lib"))
	if said, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("maven: %w: %s", err, firstError(string(said)))
	}
	properties, err := fs.ReadFile(sources.Sources, common+"/log4j2.properties")
	if err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(out, "log4j2.properties"), properties, 0o644)
}

// removeOthers removes what was built of other states of the sources.
func removeOthers(cache, module, built string) error {
	all, err := filepath.Glob(filepath.Join(cache, module+"-*"))
	for _, dir := range all {
		if dir != built {
			err = errors.Join(err, os.RemoveAll(dir))
		}
	}
	return err
}

// firstError is the first line of Maven's output that tells of an error.
func firstError(said string) string {
	for line := range strings.Lines(said) {
		if strings.Contains(line, "ERROR") {
			return strings.TrimSpace(line)
		}
	}
	return strings.TrimSpace(said)
}

// sourceHash is of the names and contents of all files that a module is made of.
func sourceHash(all fs.FS, module string) (string, error) {
	h := sha256.New()
	for _, dir := range []string{common, module} {
		err := fs.WalkDir(all, dir, func(path string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() {
				return err
			}
			content, err := fs.ReadFile(all, path)
			fmt.Fprintf(h, "%s %d\n%s", path, len(content), content)
			return err
		})
		if err != nil {
			return "", err
		}
	}
	return hex.EncodeToString(h.Sum(nil))[:12], nil
}
