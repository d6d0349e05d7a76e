package main

import (
	"io"
	"log/slog"
	"strings"
	"time"

	"github.com/rs/zerolog"
)

// newLog is a structured log through zerolog, as lines of text or of JSON; when
// quiet, of warnings only. lines takes lines of JSON from elsewhere.
func newLog(o options, p *progress) (log *slog.Logger, lines io.Writer) {
	lines = p
	if o.log == "console" {
		lines = zerolog.ConsoleWriter{Out: p, TimeFormat: time.TimeOnly, NoColor: !p.terminal()}
	}
	level := zerolog.InfoLevel
	if o.quiet {
		level = zerolog.WarnLevel
	}
	return slog.New(zerolog.NewSlogHandler(zerolog.New(lines).Level(level))), lines
}

// relay puts a line of a child into the log. Those that are not of its log, such as a
// panic's, are warnings.
func (t *trial) relay(process, line string) {
	rest, ok := strings.CutPrefix(line, "{")
	if ok {
		_, err := io.WriteString(t.lines, `{"process":"`+process+`",`+rest+"\n")
		ok = err == nil
	}
	if !ok {
		t.log.Warn(line, "process", process)
	}
}
