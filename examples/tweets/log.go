package main

import (
	"io"
	"log/slog"
	"time"

	"github.com/rs/zerolog"
)

// newLog is a structured log through zerolog, as lines of text or of JSON; when
// quiet, of warnings only.
func newLog(format string, p *progress) *slog.Logger {
	var w io.Writer = p
	if format == "console" {
		w = zerolog.ConsoleWriter{Out: p, TimeFormat: time.TimeOnly, NoColor: !p.terminal()}
	}
	level := zerolog.InfoLevel
	if p.quiet {
		level = zerolog.WarnLevel
	}
	return slog.New(zerolog.NewSlogHandler(zerolog.New(w).Level(level)))
}
