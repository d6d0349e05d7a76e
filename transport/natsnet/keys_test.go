package natsnet

import (
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/jwt/v2"
	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nkeys"
)

// boot starts a server with options that package natsserver does not have, on a free
// port if none is named.
func boot(t *testing.T, o *server.Options) *server.Server {
	t.Helper()
	if o.Port == 0 {
		o.Port = server.RANDOM_PORT
	}
	o.Host, o.NoSigs, o.NoLog = "127.0.0.1", true, true
	o.JetStream, o.StoreDir = true, t.TempDir()
	s, err := server.NewServer(o)
	if err != nil {
		t.Fatal(err)
	}
	s.Start()
	t.Cleanup(func() { s.Shutdown(); s.WaitForShutdown() })
	if !s.ReadyForConnections(patience) {
		t.Fatal("the server does not accept clients")
	}
	return s
}

// A pair is a key, with what is secret of it and what is not.
type pair struct {
	nkeys.KeyPair
	public string
	seed   []byte
}

func newPair(t *testing.T, create func() (nkeys.KeyPair, error)) (p pair) {
	t.Helper()
	var err error
	if p.KeyPair, err = create(); err != nil {
		t.Fatal(err)
	}
	if p.public, err = p.PublicKey(); err != nil {
		t.Fatal(err)
	}
	if p.seed, err = p.Seed(); err != nil {
		t.Fatal(err)
	}
	return p
}

// file writes text into a file of this test.
func file(t *testing.T, text []byte) string {
	t.Helper()
	name := filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(name, text, 0o600); err != nil {
		t.Fatal(err)
	}
	return name
}

// seeded is the option that users have for an NKey.
func seeded(t *testing.T, p pair) nats.Option {
	t.Helper()
	o, err := nats.NkeyOptionFromSeed(file(t, p.seed))
	if err != nil {
		t.Fatal(err)
	}
	return o
}

// TestNKey: who has the key is let in; who has another one is told so in one line, and
// tried again until the server knows it. How often is counted.
func TestNKey(t *testing.T) {
	known, other := newPair(t, nkeys.CreateUser), newPair(t, nkeys.CreateUser)
	first := boot(t, &server.Options{Nkeys: []*server.NkeyUser{{Nkey: known.public}}})
	opens(t, Net{URL: first.ClientURL(), Options: []nats.Option{seeded(t, known)}})
	n := Net{URL: first.ClientURL(), Options: []nats.Option{seeded(t, other)}}
	if said := fails(t, n, string(other.seed)); !strings.Contains(said, "Authorization Violation") {
		t.Errorf("logged %s", said)
	}
	var j journal
	n.Log = j.log()
	opened := make(chan *conn, 1)
	go func() {
		c, err := n.Open(t.Context(), "c", "a")
		if err != nil {
			t.Error(err)
		}
		opened <- c.(*conn)
	}()
	await(t, func() bool { return j.lines() > 0 })
	port := first.Addr().(*net.TCPAddr).Port
	first.Shutdown()
	first.WaitForShutdown()
	boot(t, &server.Options{Port: port, Nkeys: []*server.NkeyUser{{Nkey: other.public}}})
	c := <-opened
	defer c.Close()
	if c.Failures() == 0 {
		t.Error("no attempt was counted")
	}
	if j.lines() != 2 || !strings.Contains(j.String(), "NATS is reached") {
		t.Errorf("logged %s", &j)
	}
}

// An issuer is an operator and an account of it, whose users the server knows by what
// they carry.
type issuer struct {
	t        *testing.T
	operator pair
	account  pair
}

func (i issuer) encode(c jwt.Claims, by pair) string {
	i.t.Helper()
	text, err := c.Encode(by)
	if err != nil {
		i.t.Fatal(err)
	}
	return text
}

// serve starts a server that trusts the operator.
func (i issuer) serve() string {
	i.t.Helper()
	operator, err := jwt.DecodeOperatorClaims(i.encode(jwt.NewOperatorClaims(i.operator.public), i.operator))
	if err != nil {
		i.t.Fatal(err)
	}
	system := newPair(i.t, nkeys.CreateAccount)
	resolver := &server.MemAccResolver{}
	for _, p := range []pair{system, i.account} {
		claims := jwt.NewAccountClaims(p.public)
		if p.public == i.account.public {
			claims.Limits.JetStreamLimits = jwt.JetStreamLimits{MemoryStorage: -1, DiskStorage: -1, Streams: -1, Consumer: -1}
		}
		if err := resolver.Store(p.public, i.encode(claims, i.operator)); err != nil {
			i.t.Fatal(err)
		}
	}
	return boot(i.t, &server.Options{
		TrustedOperators: []*jwt.OperatorClaims{operator}, SystemAccount: system.public, AccountResolver: resolver,
	}).ClientURL()
}

// credentials is a file for a new user, which is good until then.
func (i issuer) credentials(until time.Time) (name, seed string) {
	i.t.Helper()
	user := newPair(i.t, nkeys.CreateUser)
	claims := jwt.NewUserClaims(user.public)
	claims.Expires = until.Unix()
	text, err := jwt.FormatUserConfig(i.encode(claims, i.account), user.seed)
	if err != nil {
		i.t.Fatal(err)
	}
	return file(i.t, text), string(user.seed)
}

// TestCredentialsFile: one of the account is let in; one that has expired, or is of an
// account that the server does not know, is told so in one line, and tried again.
func TestCredentialsFile(t *testing.T) {
	own := issuer{t, newPair(t, nkeys.CreateOperator), newPair(t, nkeys.CreateAccount)}
	url, hour := own.serve(), time.Now().Add(time.Hour)
	good, _ := own.credentials(hour)
	opens(t, Net{URL: url, Options: []nats.Option{nats.UserCredentials(good)}})

	foreign := issuer{t, own.operator, newPair(t, nkeys.CreateAccount)}
	for _, bad := range []struct {
		by    issuer
		until time.Time
	}{{own, time.Now().Add(-time.Hour)}, {foreign, hour}} {
		name, seed := bad.by.credentials(bad.until)
		said := fails(t, Net{URL: url, Options: []nats.Option{nats.UserCredentials(name)}}, seed)
		if !strings.Contains(said, "uthoriz") && !strings.Contains(said, "uthentic") {
			t.Errorf("logged %s", said)
		}
	}
}
