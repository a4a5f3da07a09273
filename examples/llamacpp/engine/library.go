package engine

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"unsafe"

	"github.com/ebitengine/purego"
	"github.com/hybridgroup/yzma/pkg/llama"
	"github.com/hybridgroup/yzma/pkg/loader"
	"github.com/hybridgroup/yzma/pkg/utils"
	"github.com/jupiterrider/ffi"
)

// Version is the version of llama.cpp that the bindings are made for. Another's
// structures have other fields, so that its calls would corrupt memory.
const Version = "v0.5.0"

// ggmlVersion is the version of ggml in it, which is what the libraries know of
// themselves.
const ggmlVersion = "0.25.1"

// library is llama.cpp in this process: yzma keeps its functions in variables of
// its own, so that there can be one only, and it stays loaded.
var library struct {
	sync.Mutex
	folder string
	log    logger
}

// load loads the libraries of a folder, once a process.
func load(folder string) error {
	library.Lock()
	defer library.Unlock()
	if folder == "" {
		return errors.New("engine: no folder of llama.cpp's libraries, want the one that has " + filename("llama"))
	}
	folder, err := filepath.Abs(folder)
	if err != nil {
		return fmt.Errorf("engine: folder of libraries: %w", err)
	}
	if library.folder != "" {
		if library.folder != folder {
			return fmt.Errorf("engine: libraries of %s are loaded, those of %s cannot be in the same process", library.folder, folder)
		}
		return nil
	}
	for _, name := range []string{"ggml", "ggml-base", "llama"} {
		if _, err := os.Stat(filepath.Join(folder, filename(name))); err != nil {
			return fmt.Errorf("engine: library of llama.cpp %s: %w", Version, err)
		}
	}
	if err := sameVersion(folder); err != nil {
		return err
	}
	if err := llama.Load(folder); err != nil {
		return fmt.Errorf("engine: libraries of %s, want those of llama.cpp %s: %w", folder, Version, err)
	}
	llama.LogSet(purego.NewCallback(func(level int32, text *byte, _ uintptr) uintptr {
		library.log.write(level, text)
		return 0
	}))
	llama.Init()
	if llama.GGMLBackendDeviceCount() == 0 {
		return fmt.Errorf("engine: %s has no ggml backend that runs on this processor", folder)
	}
	library.folder = folder
	return nil
}

// sameVersion asks the smallest of the libraries for its version, which depends
// on nothing, before the bindings touch any.
func sameVersion(folder string) error {
	lib, err := loader.LoadLibrary(folder, "ggml-base")
	if err != nil {
		return fmt.Errorf("engine: library of llama.cpp %s: %w", Version, err)
	}
	version, err := lib.Prep("ggml_version", &ffi.TypePointer)
	if err != nil {
		return fmt.Errorf("engine: %s is not of llama.cpp %s: %w", filepath.Join(folder, filename("ggml-base")), Version, err)
	}
	var text *byte
	version.Call(unsafe.Pointer(&text))
	if got := utils.BytePtrToString(text); !strings.HasPrefix(got, ggmlVersion) {
		return fmt.Errorf("engine: %s is ggml %s, want %s, that of llama.cpp %s", filepath.Join(folder, filename("ggml-base")), got, ggmlVersion, Version)
	}
	return nil
}

func filename(name string) string { return loader.GetLibraryFilename("", name) }

// A logger takes what llama.cpp prints. It puts lines together, passes them on,
// and keeps the latest complaints for errors whose reason llama.cpp says nowhere
// else.
type logger struct {
	mu         sync.Mutex
	line       strings.Builder
	level      int32
	complaints []string
	sinks      map[*Engine]func(string, ...any)
}

// Levels of ggml_log_level.
const (
	levelWarn     = 3
	levelError    = 4
	levelContinue = 5
)

func (l *logger) write(level int32, text *byte) {
	if text == nil {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if level != levelContinue {
		l.level = level
	}
	for _, part := range strings.SplitAfter(utils.BytePtrToString(text), "\n") {
		l.line.WriteString(strings.TrimSuffix(part, "\n"))
		if strings.HasSuffix(part, "\n") {
			l.end()
		}
	}
}

// end takes the line as complete.
func (l *logger) end() {
	line := strings.TrimSpace(l.line.String())
	l.line.Reset()
	if line == "" {
		return
	}
	if l.level == levelError {
		const kept = 4
		l.complaints = append(l.complaints, line)
		l.complaints = l.complaints[max(0, len(l.complaints)-kept):]
	}
	if l.level == levelWarn || l.level == levelError {
		for _, sink := range l.sinks {
			sink("llama.cpp: %s", line)
		}
	}
}

// complaint returns what was complained of since forget, as a suffix of an error.
func (l *logger) complaint() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.complaints) == 0 {
		return ""
	}
	return ": " + strings.Join(l.complaints, ": ")
}

func (l *logger) forget() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.complaints = nil
}

func (l *logger) attach(e *Engine, sink func(string, ...any)) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.sinks == nil {
		l.sinks = map[*Engine]func(string, ...any){}
	}
	if sink != nil {
		l.sinks[e] = sink
	}
}

func (l *logger) detach(e *Engine) {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.sinks, e)
}
