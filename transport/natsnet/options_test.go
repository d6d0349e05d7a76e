package natsnet

import (
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
)

func (n Net) tryOptions() (nats.Options, error) {
	urls, err := parse(n.URL)
	if err != nil {
		return nats.Options{}, err
	}
	return n.filled().options(urls)
}

// TestPlaintext: without TLS only to this host, for every one of the URLs.
func TestPlaintext(t *testing.T) {
	for _, test := range []struct {
		url     string
		options []nats.Option
		ok      bool
	}{
		{url: "nats://127.0.0.1:4222", ok: true},
		{url: "127.0.0.1", ok: true},
		{url: "nats://[::1]:4222", ok: true},
		{url: "nats://u:p@localhost:4222", ok: true},
		{url: "ws://localhost:80", ok: true},
		{url: "nats://10.0.0.1:4222"},
		{url: "nats-1"},
		{url: "nats://localhost.example.com"},
		{url: "nats://0.0.0.0:4222"},
		{url: "ws://nats-1"},
		{url: "nats://127.0.0.1, nats://nats-1"},
		{url: "nats://nats-1,nats://127.0.0.1"},
		{url: "tls://nats-1", ok: true},
		{url: "wss://nats-1", ok: true},
		{url: "nats://nats-1", options: []nats.Option{nats.Secure()}, ok: true},
		{url: "nats://nats-1", options: []nats.Option{nil, nats.TLSHandshakeFirst()}, ok: true},
		{url: "ws://nats-1", options: []nats.Option{nats.Secure()}},
	} {
		n := Net{URL: test.url, Options: test.options}
		_, err := n.tryOptions()
		if (err == nil) != test.ok {
			t.Errorf("%s: %v", test.url, err)
		}
		if err != nil && !strings.Contains(err.Error(), "refused: use a tls:// URL") {
			t.Errorf("%s: %v does not say what to do", test.url, err)
		}
		n.Insecure = true
		if _, err := n.tryOptions(); err != nil {
			t.Errorf("%s, insecure: %v", test.url, err)
		}
	}
}

// TestDiscovered: a server on this host may not send a plaintext client elsewhere.
func TestDiscovered(t *testing.T) {
	for url, ignored := range map[string]bool{"nats://127.0.0.1": true, "tls://nats-1": false} {
		o, err := Net{URL: url}.tryOptions()
		if err != nil || o.IgnoreDiscoveredServers != ignored {
			t.Errorf("%s: %v, %v", url, o.IgnoreDiscoveredServers, err)
		}
	}
}

// TestBadURL: one line, without what may be a password.
func TestBadURL(t *testing.T) {
	for _, url := range []string{"", "nats://a,", "nats://u:secret@a:port", "nats://secret@", "http://u:secret@a", "nats://u:secret%zz@a"} {
		_, err := Net{URL: url}.tryOptions()
		if err == nil {
			t.Errorf("%q is taken", url)
		} else if strings.Contains(err.Error(), "secret") || strings.Contains(err.Error(), "\n") || !strings.Contains(err.Error(), "nats://") {
			t.Errorf("%q: %v", url, err)
		}
	}
}

// TestOursWin: what protects data is not the user's to change; who it is, is.
func TestOursWin(t *testing.T) {
	o, err := Net{URL: "tls://u:p@nats-1", Options: []nats.Option{
		nats.MaxReconnects(3), nats.NoReconnect(), nats.ReconnectBufSize(1 << 20), nats.PingInterval(time.Hour),
		nats.MaxPingsOutstanding(9), nats.NoEcho(), nats.RetryOnFailedConnect(true), nats.FlusherTimeout(time.Hour),
		nats.UserInfo("u", "p"), nats.Timeout(7 * time.Second), nats.CustomInboxPrefix("mine"),
	}}.tryOptions()
	if err != nil {
		t.Fatal(err)
	}
	if !o.AllowReconnect || o.MaxReconnect != -1 || o.ReconnectBufSize != -1 || o.PingInterval != 5*time.Second ||
		o.MaxPingsOut != 2 || o.NoEcho || o.RetryOnFailedConnect || o.FlusherTimeout != 10*time.Second || !o.IgnoreAuthErrorAbort {
		t.Errorf("%+v", o)
	}
	if o.User != "u" || o.Timeout != 7*time.Second || o.InboxPrefix != "mine" || o.Servers[0] != "tls://u:p@nats-1" {
		t.Errorf("%+v", o)
	}
}

func TestBackoff(t *testing.T) {
	for n, most := range map[int]time.Duration{
		1: 100 * time.Millisecond, 2: 200 * time.Millisecond, 5: 1600 * time.Millisecond, 6: 2 * time.Second, 1 << 40: 2 * time.Second,
	} {
		for range 100 {
			if d := backoff(n); d <= most/2 || d > most {
				t.Fatalf("attempt %d waits %s", n, d)
			}
		}
	}
}
