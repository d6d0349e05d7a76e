package waterspout_test

import (
	"encoding/json"
	"go/ast"
	"go/parser"
	"go/token"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

const module = "github.com/waterspout/waterspout"

// core is the floor below which packages import the standard library alone.
const core = 60

// floors say which packages may import which: only those on a lower floor. A new
// package gets its place here, as low as what it imports allows.
var floors = map[string]int{
	"tuple": 0, "internal/mailbox": 0, "internal/pace": 0,
	"internal/port": 1,

	"spout": 10, "bolt": 10, "grouping": 10, "acker": 10, "codec": 10, "transport": 10,

	// between workers
	"internal/frame": 11, "internal/assign": 11, "transport/inproc": 11,
	"internal/link": 12,
	"internal/mesh": 13, "internal/member": 13,

	"internal/engine": 20, "internal/lowwater": 20,

	"topology": 30, "internal/worker": 30,
	"cluster": 40,

	// connectors
	"internal/kafkaio": 60, "avro": 60, "transport/natsnet": 60, "transport/natsserver": 60,
	"kafka": 61,

	// kits for users' tests
	"bolt/bolttest": 70, "spout/spouttest": 70, "codec/codectest": 70, "transport/transporttest": 70,
	"topology/topologytest": 70, "kafka/kafkatest": 70,

	"internal/tweets": 80, "internal/faults": 95, "internal/brokerfaults": 95,

	// programs, and this page
	".": 90, "examples/wordcount": 90, "examples/tweets": 91, "examples/microbatch": 91,
	"benchmarks": 99, "benchmarks/microbatch": 90, "benchmarks/peers": 90,
	"benchmarks/internal/harness": 91, "benchmarks/internal/hops": 92, "benchmarks/internal/wordcount": 92,
	"benchmarks/internal/reference": 92, "benchmarks/internal/steps": 91,
	"benchmarks/internal/workers": 93,
	"benchmarks/internal/report":  91, "benchmarks/internal/models": 93, "benchmarks/internal/peers": 94,
	"internal/realkafka":  62,
	"internal/simulation": 92,
}

// A listed package is what go list says of it.
type listed struct {
	ImportPath, Doc string
	Standard        bool
	GoFiles         []string
	Imports         []string
}

func (p listed) place() string {
	if p.ImportPath == module {
		return "."
	}
	return strings.TrimPrefix(p.ImportPath, module+"/")
}

func list(t *testing.T, args ...string) (all []listed) {
	t.Helper()
	cmd := exec.Command("go", append([]string{"list", "-json"}, args...)...)
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("go list: %v", err)
	}
	for d := json.NewDecoder(strings.NewReader(string(out))); ; {
		var p listed
		if err := d.Decode(&p); err == io.EOF {
			return all
		} else if err != nil {
			t.Fatal(err)
		}
		all = append(all, p)
	}
}

func ours(path string) bool { return path == module || strings.HasPrefix(path, module+"/") }

// std reports whether path is of the standard library: only other hosts have a dot.
func std(path string) bool {
	host, _, _ := strings.Cut(path, "/")
	return !strings.Contains(host, ".")
}

func TestFloors(t *testing.T) {
	for _, p := range list(t, "./...") {
		place := p.place()
		floor, known := floors[place]
		if !known {
			t.Errorf("package %s has no floor: give it one in arch_test.go, above all that it imports", place)
			continue
		}
		for _, path := range p.Imports {
			if !ours(path) {
				if floor < core && !std(path) {
					t.Errorf("package %s imports %s: the core imports the standard library alone", place, path)
				}
				continue
			}
			below := listed{ImportPath: path}.place()
			if other, known := floors[below]; known && other >= floor {
				t.Errorf("package %s, on floor %d, imports %s, on floor %d: imports only go down", place, floor, below, other)
			}
		}
	}
}

// TestComments: a package says what it is. A package of tests alone need not.
func TestComments(t *testing.T) {
	for _, p := range list(t, "./...") {
		if p.Doc == "" && len(p.GoFiles) > 0 {
			t.Errorf("package %s has no package comment", p.place())
		}
	}
}

func TestSizes(t *testing.T) {
	const lines, body = 500, 60
	eachFile(t, func(path string, files *token.FileSet, f *ast.File) {
		if n := files.Position(f.FileEnd).Line; n > lines {
			t.Errorf("%s has %d lines, more than %d", path, n, lines)
		}
		for _, d := range f.Decls {
			fn, ok := d.(*ast.FuncDecl)
			if !ok {
				continue
			}
			from, to := files.Position(fn.Pos()), files.Position(fn.End())
			if n := to.Line - from.Line + 1; n > body {
				t.Errorf("%s: %s has %d lines, more than %d", from, fn.Name.Name, n, body)
			}
		}
	})
}

// TestNoSleep: a test that sleeps is slow when it passes, and fails when the
// machine is busy. In the virtual time of a synctest bubble a sleep costs nothing,
// so files that use it may.
func TestNoSleep(t *testing.T) {
	eachFile(t, func(path string, files *token.FileSet, f *ast.File) {
		if !strings.HasSuffix(path, "_test.go") {
			return
		}
		for _, i := range f.Imports {
			if i.Path.Value == `"testing/synctest"` {
				return
			}
		}
		ast.Inspect(f, func(n ast.Node) bool {
			if call, ok := n.(*ast.CallExpr); ok && isCall(call, "time", "Sleep") {
				t.Errorf("%s: time.Sleep in a test, in real time", files.Position(call.Pos()))
			}
			return true
		})
	})
}

func isCall(c *ast.CallExpr, pkg, name string) bool {
	s, ok := c.Fun.(*ast.SelectorExpr)
	if !ok || s.Sel.Name != name {
		return false
	}
	x, ok := s.X.(*ast.Ident)
	return ok && x.Name == pkg
}

// eachFile calls f with every Go file of the module, tests too.
func eachFile(t *testing.T, f func(path string, files *token.FileSet, file *ast.File)) {
	err := filepath.WalkDir(".", func(path string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && path != "." && (strings.HasPrefix(d.Name(), ".") || d.Name() == "testdata"):
			return filepath.SkipDir
		case !strings.HasSuffix(path, ".go"):
			return nil
		}
		files := token.NewFileSet()
		file, err := parser.ParseFile(files, path, nil, parser.SkipObjectResolution)
		if err == nil {
			f(path, files, file)
		}
		return err
	})
	if err != nil {
		t.Error(err)
	}
}

// TestNoReplace: what is built here is what a user of the module builds.
func TestNoReplace(t *testing.T) {
	out, err := exec.Command("go", "mod", "edit", "-json").Output()
	if err != nil {
		t.Fatal(err)
	}
	var mod struct{ Replace, Exclude []any }
	if err := json.Unmarshal(out, &mod); err != nil {
		t.Fatal(err)
	}
	if len(mod.Replace)+len(mod.Exclude) > 0 {
		t.Errorf("go.mod replaces or excludes modules: %v %v", mod.Replace, mod.Exclude)
	}
}

// TestUsersLinkWhatTheyUse: a local topology without connectors has no dependency
// but this module.
func TestUsersLinkWhatTheyUse(t *testing.T) {
	deps := list(t, "-deps", "./examples/wordcount")
	if !slices.ContainsFunc(deps, func(p listed) bool { return p.place() == "cluster" }) {
		t.Error("go list -deps does not show what wordcount imports")
	}
	for _, p := range deps {
		if !p.Standard && !ours(p.ImportPath) {
			t.Errorf("examples/wordcount links %s", p.ImportPath)
		}
	}
}
