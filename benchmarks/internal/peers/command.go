package peers

import (
	"bytes"
	"encoding/json"
	"net/url"
	"path/filepath"
	"strings"

	"github.com/waterspout/waterspout/benchmarks/internal/models"
	"github.com/waterspout/waterspout/internal/tweets"
)

// opens are what Spark needs of Java 17, of its own list.
var opens = func() (all []string) {
	for _, p := range strings.Fields(`java.lang java.lang.invoke java.lang.reflect java.io java.net java.nio
		java.util java.util.concurrent java.util.concurrent.atomic jdk.internal.ref sun.nio.ch sun.nio.cs
		sun.security.action sun.util.calendar`) {
		all = append(all, "--add-opens=java.base/"+p+"=ALL-UNNAMED")
	}
	return all
}()

// stateDir is the part of dir that belongs to the group of a job.
func stateDir(dir string, j models.Job) string {
	return filepath.Join(dir, url.PathEscape(j.Group))
}

// arguments are those of the java command: settings are properties, the same ones
// for every peer, and those it does not know do no harm.
func (p Peer) arguments(built, state string, j models.Job) []string {
	args := append([]string{}, p.java...)
	for _, s := range append([]string{
		"log4j2.configurationFile=" + filepath.Join(built, "log4j2.properties"),
		"java.io.tmpdir=" + filepath.Join(state, "tmp"),
		"checkpoint=" + filepath.Join(state, "checkpoint"),
		"brokers=" + strings.Join(j.Brokers, ","),
		"in=" + j.In,
		"out=" + j.Out,
		"group=" + j.Group,
		"schema=" + schema(),
	}, append(p.scaled(j.Scale), p.settings...)...) {
		args = append(args, "-D"+s)
	}
	path := filepath.Join(built, "classes") + string(filepath.ListSeparator) + filepath.Join(built, "lib", "*")
	return append(args, "-cp", path, p.main)
}

func schema() string {
	var short bytes.Buffer
	_ = json.Compact(&short, []byte(tweets.Schema)) // it is a constant, and JSON
	return short.String()
}
