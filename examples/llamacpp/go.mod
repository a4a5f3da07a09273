module github.com/dyetrace/dyetrace/examples/llamacpp

go 1.26.0

require (
	github.com/dyetrace/dyetrace v0.0.0
	github.com/hybridgroup/yzma v1.28.0
)

require (
	github.com/ebitengine/purego v0.10.0 // indirect
	github.com/jupiterrider/ffi v0.7.0 // indirect
	github.com/klauspost/cpuid/v2 v2.0.12 // indirect
	github.com/zeebo/blake3 v0.2.4 // indirect
	golang.org/x/sys v0.42.0 // indirect
)

replace github.com/dyetrace/dyetrace => ../..
