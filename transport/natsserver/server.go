// Package natsserver is a NATS server inside of a program: for tests, examples, and
// a cluster whose workers all run on one host. It links the whole server, so import
// it only where one is started.
//
// The invariant: what its JetStream has acknowledged is on the disk, so a server
// that is started again with the same Dir and Addr goes on where it ended, whatever
// ended it.
//
//	server, err := natsserver.Start(natsserver.Options{Dir: "/var/lib/tweets"})
//	defer server.Close()
//	net := natsnet.Net{URL: server.URL()}
//
// One server is no more available than its host: production runs a NATS cluster.
package natsserver

import (
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"strconv"
	"time"

	"github.com/nats-io/nats-server/v2/server"

	"github.com/waterspout/waterspout/transport"
)

// Options say how a server runs. The zero value is one on a free port of the
// loopback interface, whose stores end with it.
type Options struct {
	Addr string // host:port; port 0 is a free one; "127.0.0.1:0" if empty
	// Dir is where JetStream keeps its files. If it is empty, they are in a
	// temporary directory that Close removes.
	Dir string
	// NoJetStream leaves out what stores need.
	NoJetStream bool
	// TLS is required of clients if it is not nil.
	TLS *tls.Config
	// User and Password are required of clients if User is not empty.
	User, Password string
	// Log gets the server's warnings and errors, and its notices as debug
	// messages. Nothing is logged if it is nil.
	Log *slog.Logger
}

// A Server is a server that runs. Its methods may be called from any goroutine.
type Server struct {
	server    *server.Server
	temporary string // a directory to remove
	scheme    string
	addr      string
}

// ready is how long a server may take to accept clients: it may have to recover
// what is in its directory.
const ready = 30 * time.Second

// Start starts a server, and returns when it accepts clients.
func Start(o Options) (*Server, error) {
	conf, err := o.config()
	if err != nil {
		return nil, err
	}
	s := &Server{scheme: "nats"}
	if o.TLS != nil {
		s.scheme = "tls"
	}
	if !o.NoJetStream && o.Dir == "" {
		if s.temporary, err = os.MkdirTemp("", "waterspout-nats-"); err != nil {
			return nil, fmt.Errorf("natsserver: %w", err)
		}
		conf.StoreDir = s.temporary
	}
	if err := s.start(conf, newLogger(o.Log)); err != nil {
		s.Close()
		return nil, fmt.Errorf("natsserver: at %q with directory %q: %w", o.Addr, conf.StoreDir, err)
	}
	return s, nil
}

func (s *Server) start(conf *server.Options, log *logger) (err error) {
	if s.server, err = server.NewServer(conf); err != nil {
		return err
	}
	s.server.SetLogger(log, false, false)
	s.server.Start() // returns when the server listens, or cannot
	select {
	case err := <-log.fatal:
		return err
	default:
	}
	if !s.server.ReadyForConnections(ready) {
		return errors.New("the server does not accept clients")
	}
	s.addr = s.server.Addr().String()
	return nil
}

// config is o in the server's words.
func (o Options) config() (*server.Options, error) {
	if o.Addr == "" {
		o.Addr = "127.0.0.1:0"
	}
	host, port, err := net.SplitHostPort(o.Addr)
	if err != nil {
		return nil, fmt.Errorf("natsserver: address %q: %w", o.Addr, err)
	}
	number, err := strconv.Atoi(port)
	if err != nil {
		return nil, fmt.Errorf("natsserver: address %q: the port is not a number", o.Addr)
	}
	if number == 0 {
		number = server.RANDOM_PORT
	}
	return &server.Options{
		Host: host, Port: number,
		JetStream: !o.NoJetStream, StoreDir: o.Dir,
		SyncAlways: true, // else an acknowledged lease may be lost with the host
		TLS:        o.TLS != nil, TLSConfig: o.TLS, TLSTimeout: 5,
		Username: o.User, Password: o.Password,
		PingInterval: 5 * time.Second, MaxPingsOut: 2,
		// A frame of MaxFrame may wait for a receiver, and others beside it.
		MaxPending: 4 * transport.MaxFrame,
		NoSigs:     true,
	}, nil
}

// URL is where clients on this host find the server, without user and password.
func (s *Server) URL() string {
	host, port, _ := net.SplitHostPort(s.addr)
	if ip := net.ParseIP(host); ip != nil && ip.IsUnspecified() {
		host = "127.0.0.1"
	}
	return s.scheme + "://" + net.JoinHostPort(host, port)
}

// Addr is the host:port that the server listens on. Give it to Start to have a
// server in the place of this one after Close.
func (s *Server) Addr() string { return s.addr }

// Close ends the server: clients are disconnected, stores are as they were. It
// returns when the port is free, and may be called twice.
func (s *Server) Close() error {
	if s.server != nil {
		s.server.Shutdown()
		s.server.WaitForShutdown()
	}
	if s.temporary == "" {
		return nil
	}
	if err := os.RemoveAll(s.temporary); err != nil {
		return fmt.Errorf("natsserver: %w", err)
	}
	return nil
}
