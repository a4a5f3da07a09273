package main

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/dyetrace/dyetrace/canary"
	"github.com/dyetrace/dyetrace/canary/ledger"
)

// unitNames says which unit of a book has a number.
type unitNames map[uint64]namedUnit

type namedUnit struct {
	name, carrier string
	options       []string
}

// readBook reads a book from its file; english is the default one.
func readBook(path string) (*canary.Book, error) {
	if path == "english" {
		return canary.English()
	}
	return canary.ReadFile(path)
}

func readUnitNames(path string) (unitNames, error) {
	book, err := readBook(path)
	if err != nil {
		return nil, err
	}
	units := book.Units()
	for _, item := range book.Items() {
		units = append(units, item.Unit())
	}
	names := make(unitNames, len(units))
	for _, u := range units {
		options, err := book.Options(u)
		if err != nil {
			return nil, err
		}
		names[ledger.UnitNumber(u.String())] = namedUnit{u.String(), u.Carrier, options}
	}
	return names, nil
}

// find returns the numbers of the units that a flag names.
func (n unitNames) find(unit string) ([]uint64, error) {
	if number, err := strconv.ParseUint(unit, 10, 64); err == nil {
		return []uint64{number}, nil
	}
	var found []uint64
	for number, u := range n {
		if u.name == unit || u.carrier == unit {
			found = append(found, number)
		}
	}
	switch {
	case len(found) > 0:
		slices.Sort(found)
		return found, nil
	case strings.Contains(unit, "|"): // perhaps of tools, which no book lists
		return []uint64{ledger.UnitNumber(unit)}, nil
	case n == nil:
		return nil, usage(fmt.Errorf("--unit is %q, want a number or a name such as vendor|eg|code/en|2, or a carrier of --book", unit))
	}
	return nil, usage(fmt.Errorf("--unit is %q, want a number, or a unit or a carrier of the book", unit))
}
