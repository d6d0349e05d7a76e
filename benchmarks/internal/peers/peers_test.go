package peers

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	sources "github.com/waterspout/waterspout/benchmarks/peers"

	"github.com/waterspout/waterspout/benchmarks/internal/models"
	"github.com/waterspout/waterspout/internal/realkafka"
	"github.com/waterspout/waterspout/internal/tweets"
)

var job = models.Job{Brokers: []string{"a:1", "b:2"}, In: "zerg.hydra", Out: "out", Group: "terran/1"}

func TestArgumentsHaveTheJob(t *testing.T) {
	for _, p := range Peers() {
		args := p.arguments("/built", stateDir("/state", job), job)
		for _, want := range []string{
			"-Dbrokers=a:1,b:2", "-Din=zerg.hydra", "-Dout=out", "-Dgroup=terran/1", "-Xmx2g",
			"-Djava.io.tmpdir=/state/terran%2F1/tmp", "-Dcheckpoint=/state/terran%2F1/checkpoint",
			"-Dlog4j2.configurationFile=/built/log4j2.properties",
		} {
			if !slices.Contains(args, want) {
				t.Errorf("%s: no %s in %q", p.Name, want, args)
			}
		}
		if got := strings.Join(args[len(args)-3:], " "); got != "-cp /built/classes:/built/lib/* "+p.main {
			t.Errorf("%s ends with %s", p.Name, got)
		}
		if opened := slices.ContainsFunc(args, func(a string) bool { return strings.HasPrefix(a, "--add-opens=") }); opened != (p.module != "storm") {
			t.Errorf("%s: --add-opens is %v", p.Name, opened)
		}
	}
}

func TestArgumentsFollowTheScale(t *testing.T) {
	p := Peers()[0]
	j := job
	for want, scale := range map[string]models.Scale{
		"-Dtasks=1 -Dpending=2000": {},
		"-Dtasks=8 -Dpending=100":  {Tasks: 8, Pending: 100},
	} {
		j.Scale = scale
		if got := strings.Join(p.arguments("b", "s", j), " "); !strings.Contains(got, want) {
			t.Errorf("%+v: no %s in %s", scale, want, got)
		}
	}
}

func TestSchemaIsOneLine(t *testing.T) {
	if s := schema(); strings.ContainsAny(s, " \n\t") || !strings.Contains(s, `"name":"timestamp"`) {
		t.Errorf("schema %s of %s", s, tweets.Schema)
	}
}

func TestJavaVersion(t *testing.T) {
	for said, want := range map[string]int{
		"openjdk version \"17.0.15\" 2025-04-15\nOpenJDK Runtime": 17,
		"java version \"1.8.0_292\"\n":                            8,
		"Picked up _JAVA_OPTIONS: -Xmx1g\nopenjdk version \"21\"": 21,
		"openjdk version \"25-ea\" 2025-09-16":                    25,
		"command not found":                                       0,
		"":                                                        0,
	} {
		if got, ok := javaVersion(said); got != want || ok != (want > 0) {
			t.Errorf("%q is %d, %v, want %d", said, got, ok, want)
		}
	}
}

func TestWithoutJavaOneLineSaysWhatToInstall(t *testing.T) {
	t.Setenv("PATH", t.TempDir())
	_, err := Engines(t.Context(), t.TempDir())
	missing(t, err)
}

func TestOldJava(t *testing.T) {
	bin := t.TempDir()
	t.Setenv("PATH", bin)
	for name, script := range map[string]string{"java": "echo 'openjdk version \"11.0.2\"' >&2", "mvn": "exit 1"} {
		if err := os.WriteFile(filepath.Join(bin, name), []byte("#!/bin/sh\n"+script+"\n"), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	_, err := Engines(t.Context(), t.TempDir())
	missing(t, err)
	if !strings.Contains(err.Error(), "Java 11") {
		t.Error(err)
	}
}

func missing(t *testing.T, err error) {
	t.Helper()
	if !errors.Is(err, realkafka.ErrMissing) || strings.Contains(err.Error(), "\n") {
		t.Fatalf("error: %v", err)
	}
	for _, want := range []string{"java", "17", "Maven"} {
		if !strings.Contains(strings.ToLower(err.Error()), strings.ToLower(want)) {
			t.Errorf("no %s in %q", want, err)
		}
	}
}

func TestSourceHashSeesEveryFile(t *testing.T) {
	fs := fstest.MapFS{
		"common/A.java": {Data: []byte("a")}, "storm/pom.xml": {Data: []byte("p")}, "spark/pom.xml": {Data: []byte("q")},
	}
	hash := func() string {
		h, err := sourceHash(fs, "storm")
		if err != nil {
			t.Fatal(err)
		}
		return h
	}
	was := hash()
	fs["spark/pom.xml"].Data = []byte("other")
	if hash() != was {
		t.Error("the hash depends on another module")
	}
	for _, path := range []string{"common/A.java", "storm/pom.xml", "storm/New.java"} {
		fs[path] = &fstest.MapFile{Data: []byte("changed")}
		now := hash()
		if now == was {
			t.Errorf("the hash does not depend on %s", path)
		}
		was = now
	}
	if _, err := sourceHash(fs, "none"); err == nil {
		t.Error("a directory that is not there is no error")
	}
}

func TestBuildBuildsOnce(t *testing.T) {
	cache := filepath.Join(t.TempDir(), "peers")
	tl := tools{mvn: self(t, "mvn")}
	old := filepath.Join(cache, "storm-0123456789ab")
	if err := os.MkdirAll(old, 0o755); err != nil {
		t.Fatal(err)
	}
	built, err := tl.build(t.Context(), cache, "storm")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"lib/a.jar", "log4j2.properties"} {
		if _, err := os.Stat(filepath.Join(built, name)); err != nil {
			t.Error(err)
		}
	}
	t.Chdir(t.TempDir())
	if err := os.WriteFile("fail", nil, 0o644); err != nil {
		t.Fatal(err)
	}
	if again, err := tl.build(t.Context(), cache, "storm"); err != nil || again != built {
		t.Errorf("a second time: %s, %v", again, err)
	}
	_, err = tl.build(t.Context(), cache, "dstreams")
	if err == nil || !strings.HasSuffix(err.Error(), "[ERROR] no such artifact") {
		t.Errorf("Maven failed, and the error is %v", err)
	}
	if left, err := filepath.Glob(filepath.Join(cache, "*")); err != nil || !slices.Equal(left, []string{built}) {
		t.Errorf("left: %q, %v", left, err)
	}
}

func TestPeersHaveSources(t *testing.T) {
	for _, p := range Peers() {
		source, err := p.Source()
		if err != nil || models.Lines(source) < 20 || !strings.Contains(source, "class "+p.main+" ") {
			t.Errorf("%s: %d lines, %v", p.Name, models.Lines(source), err)
		}
		if _, err := sources.Sources.Open(p.module + "/pom.xml"); err != nil {
			t.Error(err)
		}
	}
}
