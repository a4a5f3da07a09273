"""The engines' released code, without the rest of their packages.

vLLM and SGLang need CUDA and hundreds of packages before `import vllm` works; the
modules of their marks need torch only. A wheel that was unpacked into a folder is
found on sys.path; the packages above those modules are made here, empty, so that
their __init__ does not run. What the modules import besides, and what no result
depends on (loggers, environment flags), is stood in for. Everything that computes a
word, a score or a p-value is the release's own.
"""

import importlib
import importlib.metadata
import pathlib
import sys
import types


def add(folder):
    """Puts the folder of unpacked wheels first on the path."""
    sys.path.insert(0, str(folder))


def bare(name):
    """Makes a package whose modules can be imported but whose __init__ does not run."""
    for folder in sys.path:
        path = pathlib.Path(folder or ".", *name.split("."))
        if path.is_dir():
            break
    else:
        raise ModuleNotFoundError(f"no folder of {name} in the releases")
    module = types.ModuleType(name)
    module.__path__ = [str(path)]
    attach(name, module)


def stand_in(name, **attributes):
    """Makes a module of the given attributes."""
    module = types.ModuleType(name)
    module.__dict__.update(attributes)
    attach(name, module)


def attach(name, module):
    sys.modules[name] = module
    parent, _, child = name.rpartition(".")
    if parent in sys.modules:
        setattr(sys.modules[parent], child, module)


def load(name):
    return importlib.import_module(name)


def require(package, version):
    """Says so if an installed package has another version than the vectors name."""
    have = importlib.metadata.version(package).split("+")[0]
    if have != version:
        print(f"note: {package} is {have}; the vectors were made with {version}")
    return have
