package natsserver

import (
	"fmt"
	"log/slog"
)

// A logger takes what the server says. The server calls it from any goroutine.
type logger struct {
	log   *slog.Logger
	fatal chan error // the first error that the server cannot live with
}

func newLogger(log *slog.Logger) *logger {
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	return &logger{log: log, fatal: make(chan error, 1)}
}

func (l *logger) Noticef(format string, args ...any) { l.log.Debug(fmt.Sprintf(format, args...)) }
func (l *logger) Warnf(format string, args ...any)   { l.log.Warn(fmt.Sprintf(format, args...)) }
func (l *logger) Errorf(format string, args ...any)  { l.log.Error(fmt.Sprintf(format, args...)) }
func (l *logger) Debugf(string, ...any)              {}
func (l *logger) Tracef(string, ...any)              {}

// Fatalf must not end the process: Start returns what it is given.
func (l *logger) Fatalf(format string, args ...any) {
	select {
	case l.fatal <- fmt.Errorf(format, args...):
	default:
		l.Errorf(format, args...)
	}
}
