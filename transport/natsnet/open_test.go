package natsnet

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"math/big"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/waterspout/waterspout/transport"
	"github.com/waterspout/waterspout/transport/natsserver"
)

func serve(t *testing.T, o natsserver.Options) *natsserver.Server {
	t.Helper()
	s, err := natsserver.Start(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

// opens opens a worker of n and has it talk to itself.
func opens(t *testing.T, n Net) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	c, err := n.Open(ctx, "c", "a")
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if err := c.Send(ctx, "a", transport.Data, []byte("x")); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Recv(ctx, transport.Data); err != nil {
		t.Fatal(err)
	}
}

// fails opens a worker of n until it was refused some times. It returns what was
// logged, and checks that this is one line.
func fails(t *testing.T, n Net, secret string) string {
	t.Helper()
	var j journal
	n.Log = j.log()
	ctx, cancel := context.WithTimeout(t.Context(), time.Second)
	defer cancel()
	c, err := n.Open(ctx, "c", "a")
	if err == nil {
		c.Close()
		t.Fatal("opened")
	}
	if !errors.Is(err, context.DeadlineExceeded) || ctx.Err() == nil {
		t.Errorf("Open returned %v", err)
	}
	said := j.String()
	if j.lines() != 1 || !strings.Contains(said, "level=WARN") {
		t.Errorf("logged %s", said)
	}
	for _, text := range []string{said, err.Error()} {
		if secret != "" && strings.Contains(text, secret) {
			t.Errorf("it tells the password: %s", text)
		}
		if strings.Contains(strings.TrimSpace(text), "\n") {
			t.Errorf("more than one line: %s", text)
		}
	}
	return said
}

// TestUnreachable: one line with the address, tried again, ended by the context, and
// a server that comes later is found.
func TestUnreachable(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	addr := l.Addr().String()
	n := Net{URL: "nats://user:secret@" + addr}
	if said := fails(t, n, "secret"); !strings.Contains(said, addr) { // it takes connections, and is silent
		t.Errorf("logged %s", said)
	}
	l.Close()
	if said := fails(t, n, "secret"); !strings.Contains(said, addr) || !strings.Contains(said, "refused") {
		t.Errorf("logged %s", said)
	}
	var j journal
	n.Log = j.log()
	opened := make(chan error, 1)
	go func() {
		c, err := n.Open(t.Context(), "c", "a")
		if err == nil {
			err = c.Close()
		}
		opened <- err
	}()
	for tick := time.Tick(time.Millisecond); j.lines() == 0; {
		<-tick
	}
	serve(t, natsserver.Options{Addr: addr, User: "user", Password: "secret"})
	if err := <-opened; err != nil {
		t.Error(err)
	}
	if said := j.String(); j.lines() != 2 || !strings.Contains(said, "NATS is reached") || strings.Contains(said, "secret") {
		t.Errorf("logged %s", said)
	}
}

func TestNoJetStream(t *testing.T) {
	s := serve(t, natsserver.Options{NoJetStream: true})
	_, err := Net{URL: s.URL()}.Open(t.Context(), "c", "a")
	if err == nil || !strings.Contains(err.Error(), "nats-server -js") || strings.Contains(err.Error(), "\n") {
		t.Errorf("%v", err)
	}
}

func TestCredentials(t *testing.T) {
	s := serve(t, natsserver.Options{User: "u", Password: "secret"})
	if said := fails(t, Net{URL: s.URL(), Options: []nats.Option{nats.UserInfo("u", "wrong")}}, "wrong"); !strings.Contains(said, "Authorization Violation") {
		t.Errorf("logged %s", said)
	}
	fails(t, Net{URL: strings.Replace(s.URL(), "://", "://token@", 1)}, "token")
	opens(t, Net{URL: s.URL(), Options: []nats.Option{nats.UserInfo("u", "secret")}})
	opens(t, Net{URL: strings.Replace(s.URL(), "://", "://u:secret@", 1)})
	_, err := Net{URL: s.URL(), Options: []nats.Option{nats.UserCredentials("/no/such.creds")}}.Open(t.Context(), "c", "a")
	if err == nil || !strings.Contains(err.Error(), "/no/such.creds") {
		t.Errorf("without a credentials file: %v", err)
	}
}

// certificate makes an authority, and a certificate of it for this host.
func certificate(t *testing.T, until time.Time) (*x509.CertPool, tls.Certificate) {
	t.Helper()
	pool := x509.NewCertPool()
	return pool, certify(t, pool, until)
}

// certify makes a certificate of an authority that it adds to pool.
func certify(t *testing.T, pool *x509.CertPool, until time.Time) tls.Certificate {
	t.Helper()
	make := func(c, parent *x509.Certificate, by *ecdsa.PrivateKey) (*x509.Certificate, *ecdsa.PrivateKey) {
		key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		if by == nil {
			parent, by = c, key
		}
		der, err := x509.CreateCertificate(rand.Reader, c, parent, key.Public(), by)
		if err != nil {
			t.Fatal(err)
		}
		made, err := x509.ParseCertificate(der)
		if err != nil {
			t.Fatal(err)
		}
		return made, key
	}
	from := time.Now().Add(-2 * time.Hour)
	ca, caKey := make(&x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "ca"}, NotBefore: from, NotAfter: from.Add(24 * time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}, nil, nil)
	leaf, leafKey := make(&x509.Certificate{
		SerialNumber: big.NewInt(2), Subject: pkix.Name{CommonName: "nats"}, NotBefore: from, NotAfter: until,
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}, ca, caKey)
	pool.AddCert(ca)
	return tls.Certificate{Certificate: [][]byte{leaf.Raw}, PrivateKey: leafKey}
}

func TestTLS(t *testing.T) {
	pool, cert := certificate(t, time.Now().Add(time.Hour))
	s := serve(t, natsserver.Options{TLS: &tls.Config{Certificates: []tls.Certificate{cert}}})
	trust := nats.Secure(&tls.Config{RootCAs: pool})
	opens(t, Net{URL: s.URL(), Options: []nats.Option{trust}})
	opens(t, Net{URL: "nats://" + s.Addr(), Options: []nats.Option{trust}})
	if said := fails(t, Net{URL: s.URL()}, ""); !strings.Contains(said, "certificate") {
		t.Errorf("an authority that is not trusted: %s", said)
	}
	pool, old := certificate(t, time.Now().Add(-time.Hour))
	expired := serve(t, natsserver.Options{TLS: &tls.Config{Certificates: []tls.Certificate{old}}})
	if said := fails(t, Net{URL: expired.URL(), Options: []nats.Option{nats.Secure(&tls.Config{RootCAs: pool})}}, ""); !strings.Contains(said, "expired") {
		t.Errorf("an expired certificate: %s", said)
	}
	plain := serve(t, natsserver.Options{})
	if said := fails(t, Net{URL: "tls://" + plain.Addr()}, ""); !strings.Contains(said, "secure connection") {
		t.Errorf("a server without TLS: %s", said)
	}
}

// TestCallbacks: the user's are called beside ours.
func TestCallbacks(t *testing.T) {
	r := newRig(t)
	heard := make(chan string, 100)
	n := r.Net
	n.Options = []nats.Option{
		nats.DisconnectErrHandler(func(*nats.Conn, error) { heard <- "lost" }),
		nats.ReconnectHandler(func(*nats.Conn) { heard <- "back" }),
	}
	var j journal
	n.Log = j.log()
	c, err := n.Open(t.Context(), "c", "a")
	if err != nil {
		t.Fatal(err)
	}
	r.Down()
	r.Up()
	count := map[string]int{}
	for count["back"] < int(transport.Lanes) {
		count[<-heard]++
	}
	if count["lost"] < int(transport.Lanes) {
		t.Errorf("heard %v", count)
	}
	if said := j.String(); j.lines() > 2 || strings.Count(said, "WARN") != 1 {
		t.Errorf("logged %s", said)
	}
	c.Close()
}
