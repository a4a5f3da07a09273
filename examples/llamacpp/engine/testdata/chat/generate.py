"""Renders conversations as transformers' apply_chat_template does.

    python3 generate.py > vectors.jsonl

It needs jinja2 3.1. The environment is that of transformers 4.46
(utils/chat_template_utils.py): trim_blocks, lstrip_blocks, its tojson and
raise_exception. The API has arguments of tool calls as text; there they are
objects.
"""
import copy
import json

import jinja2
from jinja2.ext import loopcontrols
from jinja2.sandbox import ImmutableSandboxedEnvironment

TOOLS = [
    {"type": "function", "function": {
        "name": "weather", "description": "Tells the weather, <now> & later — everywhere",
        "parameters": {"type": "object", "properties": {"place": {"type": "string"}, "days": {"type": "integer", "minimum": 1, "maximum": 14}, "scale": {"type": "number", "default": 0.5}}, "required": ["place"]}}},
    {"type": "function", "function": {"name": "now", "description": "", "parameters": {"type": "object", "properties": {}}}},
]
CALL = {"id": "call_1", "type": "function", "function": {"name": "weather", "arguments": '{"place": "Åre", "days": 3, "exact": true, "note": null}'}}
SYSTEM = {"role": "system", "content": "You are terse.  "}
USER = {"role": "user", "content": "  What's the weather <in> Åre?\n"}
CONVERSATIONS = {
    "one": [USER],
    "system": [SYSTEM, USER],
    "turns": [USER, {"role": "assistant", "content": "Cold."}, {"role": "user", "content": "And tomorrow?"}],
    "call": [SYSTEM, USER, {"role": "assistant", "content": None, "tool_calls": [CALL]}, {"role": "tool", "tool_call_id": "call_1", "content": '{"sky": "clear"}'}],
}


def environment():
    def tojson(x, ensure_ascii=False, indent=None, separators=None, sort_keys=False):
        return json.dumps(x, ensure_ascii=ensure_ascii, indent=indent, separators=separators, sort_keys=sort_keys)

    def raise_exception(message):
        raise jinja2.exceptions.TemplateError(message)

    e = ImmutableSandboxedEnvironment(trim_blocks=True, lstrip_blocks=True, extensions=[loopcontrols])
    e.filters["tojson"] = tojson
    e.globals["raise_exception"] = raise_exception
    return e


def parsed(messages):
    messages = copy.deepcopy(messages)
    for m in messages:
        for c in m.get("tool_calls", []):
            c["function"]["arguments"] = json.loads(c["function"]["arguments"])
    return messages


for template in ["smollm2", "qwen2.5", "llama3.1", "blocks"]:
    compiled = environment().from_string(open(template + ".jinja").read())
    for name, messages in CONVERSATIONS.items():
        for tools in [None, TOOLS]:
            if (tools or name == "call") and template in ["smollm2", "blocks"]:
                continue
            variables = {"tools": tools} if tools else {}
            want = compiled.render(messages=parsed(messages), add_generation_prompt=True, bos_token="<s>", eos_token="</s>", **variables)
            print(json.dumps({"template": template, "name": name, "messages": messages, "tools": tools, "want": want}, ensure_ascii=False))
