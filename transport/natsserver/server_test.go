package natsserver_test

import (
	"bytes"
	"fmt"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"go.uber.org/goleak"

	"github.com/waterspout/waterspout/transport/natsserver"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func start(t *testing.T, o natsserver.Options) *natsserver.Server {
	t.Helper()
	s, err := natsserver.Start(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

func connect(t *testing.T, s *natsserver.Server, opts ...nats.Option) (*nats.Conn, jetstream.JetStream) {
	t.Helper()
	nc, err := nats.Connect(s.URL(), opts...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(nc.Close)
	js, err := jetstream.New(nc)
	if err != nil {
		t.Fatal(err)
	}
	return nc, js
}

// TestRestart: a server in the place of another has its address and its stores.
func TestRestart(t *testing.T) {
	dir := t.TempDir()
	s := start(t, natsserver.Options{Dir: dir})
	_, js := connect(t, s)
	kv, err := js.CreateKeyValue(t.Context(), jetstream.KeyValueConfig{Bucket: "b"})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := kv.Put(t.Context(), "k", []byte("v")); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	again := start(t, natsserver.Options{Dir: dir, Addr: s.Addr()})
	if again.URL() != s.URL() {
		t.Errorf("%s after %s", again.URL(), s.URL())
	}
	_, js = connect(t, again)
	if kv, err = js.KeyValue(t.Context(), "b"); err != nil {
		t.Fatal(err)
	}
	if e, err := kv.Get(t.Context(), "k"); err != nil || string(e.Value()) != "v" {
		t.Errorf("%v, %v", e, err)
	}
}

// TestTemporary: a server without a directory leaves nothing behind.
func TestTemporary(t *testing.T) {
	t.Setenv("TMPDIR", t.TempDir())
	s := start(t, natsserver.Options{})
	connect(t, s)
	made, _ := filepath.Glob(filepath.Join(os.TempDir(), "*"))
	if len(made) != 1 {
		t.Errorf("%v was made", made)
	}
	for range 2 {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	}
	if left, _ := filepath.Glob(filepath.Join(os.TempDir(), "*")); len(left) > 0 {
		t.Errorf("%v is left", left)
	}
}

func TestNoJetStream(t *testing.T) {
	_, js := connect(t, start(t, natsserver.Options{NoJetStream: true}))
	if _, err := js.AccountInfo(t.Context()); err == nil {
		t.Error("there is a JetStream")
	}
}

func TestPassword(t *testing.T) {
	s := start(t, natsserver.Options{User: "u", Password: "p"})
	if nc, err := nats.Connect(s.URL()); err == nil {
		nc.Close()
		t.Error("let in without a password")
	}
	connect(t, s, nats.UserInfo("u", "p"))
	if strings.Contains(s.URL(), "@") {
		t.Errorf("the URL is %s", s.URL())
	}
}

// TestBadOptions: what cannot be is an error, with what it is about.
func TestBadOptions(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for want, o := range map[string]natsserver.Options{
		"missing port":          {Addr: "nowhere"},
		"not a number":          {Addr: "127.0.0.1:nats"},
		"in use":                {Addr: taken.Addr().String()},
		fmt.Sprintf("%q", file): {Dir: file},
	} {
		s, err := natsserver.Start(o)
		if err == nil {
			s.Close()
		}
		if err == nil || !strings.Contains(err.Error(), strings.Trim(want, `"`)) {
			t.Errorf("%+v: %v, without %q", o, err, want)
		}
	}
}

// TestLog: notices are debug messages.
func TestLog(t *testing.T) {
	var out bytes.Buffer
	h := slog.NewTextHandler(&out, &slog.HandlerOptions{Level: slog.LevelDebug})
	start(t, natsserver.Options{Log: slog.New(h)}).Close()
	if !strings.Contains(out.String(), "level=DEBUG") || strings.Contains(out.String(), "level=INFO") {
		t.Errorf("logged %s", &out)
	}
}
