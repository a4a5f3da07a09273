module github.com/dyetrace/dyetrace/examples/llamacpp

go 1.26.0

require (
	github.com/ardanlabs/jinja v1.8.0
	github.com/dyetrace/dyetrace v0.0.0
	github.com/ebitengine/purego v0.10.0
	github.com/hybridgroup/yzma v1.28.0
	github.com/jupiterrider/ffi v0.7.0
	github.com/stretchr/testify v1.12.1
	golang.org/x/mod v0.40.0
)

require (
	github.com/klauspost/cpuid/v2 v2.0.12 // indirect
	github.com/zeebo/blake3 v0.2.4 // indirect
	go.yaml.in/yaml/v3 v3.0.5 // indirect
	golang.org/x/sys v0.43.0 // indirect
)

replace github.com/dyetrace/dyetrace => ../..
