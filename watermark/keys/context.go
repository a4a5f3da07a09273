package keys

import (
	"fmt"
	"strings"
	"time"
)

// checkContext refuses a context that is not "program YYYY-MM-DD purpose/version"
// or that is reserved for this package. Contexts are public constants, so the
// error may quote it.
func checkContext(context string) error {
	program, rest, _ := strings.Cut(context, " ")
	date, purpose, _ := strings.Cut(rest, " ")
	slash := strings.LastIndexByte(purpose, '/')
	if program == "" || !isDate(date) || slash < 1 || !isNumber(purpose[slash+1:]) {
		return fmt.Errorf(`keys: context is %s, want the form "dyetrace 2026-11-23 purpose/1"`, quote(context))
	}
	if program == "dyetrace" && strings.HasPrefix(purpose, "key ") {
		return fmt.Errorf(`keys: context is %s, want one that package keys does not use itself`, quote(context))
	}
	return nil
}

func isDate(s string) bool {
	_, err := time.Parse(time.DateOnly, s)
	return err == nil
}

func isNumber(s string) bool {
	return s != "" && strings.Trim(s, "0123456789") == ""
}
