package main

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
	"unicode"
)

// grouped writes n with commas: 1,234,567.
func grouped[I int | int32 | int64 | uint64](n I) string {
	text := strconv.FormatInt(int64(n), 10)
	first := 0
	if n < 0 {
		first = 1
	}
	for i := len(text) - 3; i > first; i -= 3 {
		text = text[:i] + "," + text[i:]
	}
	return text
}

// byteSize writes a number of bytes in the unit that suits it.
func byteSize(n int64) string {
	const units = "kMGTPE"
	if n < 1000 {
		return fmt.Sprintf("%d B", n)
	}
	x, unit := float64(n)/1000, 0
	for x >= 999.5 && unit < len(units)-1 {
		x, unit = x/1000, unit+1
	}
	return fmt.Sprintf("%.3g %cB", x, units[unit])
}

// brief writes how long something takes, to two units: 1h05m, 3m04s, 12s.
func brief(d time.Duration) string {
	switch d = d.Round(time.Second); {
	case d >= 24*time.Hour:
		return fmt.Sprintf("%dd%02dh", d/(24*time.Hour), d/time.Hour%24)
	case d >= time.Hour:
		return fmt.Sprintf("%dh%02dm", d/time.Hour, d/time.Minute%60)
	case d >= time.Minute:
		return fmt.Sprintf("%dm%02ds", d/time.Minute, d/time.Second%60)
	}
	return fmt.Sprintf("%ds", d/time.Second)
}

// log10 writes a natural logarithm to base 10.
func log10(ln float64) string {
	x := ln / math.Ln10
	if x > -0.005 {
		return "0.00"
	}
	if x > -1000 {
		return fmt.Sprintf("%.2f", x)
	}
	return fmt.Sprintf("%.0f", x)
}

// plural writes a number of things.
func plural(n int64, thing string) string {
	if n == 1 {
		return "1 " + thing
	}
	return grouped(n) + " " + thing + "s"
}

// printable quotes a name of somebody else's making that would break out of its
// line.
func printable(name string) string {
	for _, r := range name {
		if !unicode.IsPrint(r) {
			return strconv.Quote(name)
		}
	}
	return name
}

// shortened cuts a name in the middle so that it has at most so many characters.
func shortened(name string, most int) string {
	runes := []rune(name)
	if len(runes) <= most {
		return name
	}
	tail := most * 2 / 3
	return string(runes[:most-tail-1]) + "…" + string(runes[len(runes)-tail:])
}

// quote shows the beginning and the end of a text in one line.
func quote(text string) string {
	const most = 60
	runes := []rune(strings.Join(strings.Fields(text), " "))
	if len(runes) > most {
		runes = append(append(runes[:most/2:most/2], '…'), runes[len(runes)-most/2:]...)
	}
	return strconv.Quote(string(runes))
}

// visible replaces what would move a terminal's cursor or change its colours.
func visible(text string) string {
	return strings.Map(func(r rune) rune {
		if r == '\n' || r == '\t' || unicode.IsPrint(r) {
			return r
		}
		return '·'
	}, text)
}

// Ways to print on a terminal: SGR parameters.
const (
	bold   = "1"
	dim    = "2"
	red    = "31"
	green  = "32"
	yellow = "33"
)

// colours are those of marks, in order: black on bright grounds, which differ for
// most eyes.
var colours = []string{"30;48;5;222", "30;48;5;117", "30;48;5;157", "30;48;5;218", "30;48;5;183", "30;48;5;215"}

// paint colours a text on a terminal.
func (a *app) paint(how, text string) string {
	if !a.terminal || text == "" {
		return text
	}
	return "\x1b[" + how + "m" + strings.ReplaceAll(text, "\n", "\x1b[0m\n\x1b["+how+"m") + "\x1b[0m"
}
