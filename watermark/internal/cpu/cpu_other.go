//go:build !amd64 || purego

package cpu

func hasAES() bool { return false }

func hasAVX2() bool { return false }
