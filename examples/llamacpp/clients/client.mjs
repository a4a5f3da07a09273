// The official OpenAI client for Node, unmodified, against the server.
import OpenAI from "openai";

const base = process.argv[2] + "/v1";
const client = new OpenAI({ baseURL: base, apiKey: process.env.KEY, maxRetries: 0 });
const model = (await client.models.list()).data[0].id;
const messages = [{ role: "user", content: "How do I keep a lawn green?" }];
const said = { model, retrieved: (await client.models.retrieve(model)).id };

let answer = await client.chat.completions.create({ model, messages, max_completion_tokens: 24, seed: 5 });
said.whole = answer.choices[0].message.content;
said.usage = answer.usage.total_tokens;

let text = "";
let usage = null;
const stream = await client.chat.completions.create({ model, messages, max_completion_tokens: 24, seed: 5, stream: true, stream_options: { include_usage: true } });
for await (const chunk of stream) {
  usage = chunk.usage ?? usage;
  for (const choice of chunk.choices) text += choice.delta.content ?? "";
}
said.streamed = text;
said.streamed_usage = usage.total_tokens;

const events = client.chat.completions.stream({ model, messages, max_completion_tokens: 8, seed: 5 });
said.events = (await events.finalContent()) !== "";

answer = await client.chat.completions.create({ model, messages, max_tokens: 6, n: 2, stop: ["."], temperature: 0.7, logprobs: true, top_logprobs: 2 });
said.choices = answer.choices.length;
said.logprobs = answer.choices[0].logprobs.content[0].top_logprobs.length;

const parameters = { type: "object", properties: { city: { type: "string", enum: ["Oslo", "Rome"] } }, required: ["city"] };
answer = await client.chat.completions.create({
  model,
  messages: [{ role: "user", content: "How is the weather in Rome?" }],
  tools: [{ type: "function", function: { name: "weather", parameters } }],
  tool_choice: "required",
  parallel_tool_calls: false,
  max_tokens: 80,
});
const call = answer.choices[0].message.tool_calls[0];
said.tool = call.function.name;
said.city = JSON.parse(call.function.arguments).city;

const schema = { type: "object", properties: { n: { type: "integer" } }, required: ["n"], additionalProperties: false };
answer = await client.chat.completions.create({ model, messages, max_tokens: 60, response_format: { type: "json_schema", json_schema: { name: "n", strict: true, schema } } });
said.json = Number.isInteger(JSON.parse(answer.choices[0].message.content).n);

answer = await client.completions.create({ model, prompt: "One, two,", max_tokens: 3, echo: true, logprobs: 1 });
said.echo = answer.choices[0].text.startsWith("One, two,") && answer.choices[0].logprobs.tokens.length === answer.usage.total_tokens;
text = "";
for await (const chunk of await client.completions.create({ model, prompt: "One, two,", max_tokens: 3, stream: true })) text += chunk.choices[0].text;
said.completion = text !== "";

said.errors = [];
for (const wrong of [
  () => new OpenAI({ baseURL: base, apiKey: "wrong", maxRetries: 0 }).models.list(),
  () => client.chat.completions.create({ model: "gpt-7", messages }),
  () => client.chat.completions.create({ model, messages: [{ role: "user", content: "long ".repeat(3000) }] }),
]) {
  try {
    await wrong();
  } catch (error) {
    said.errors.push([error.constructor.name, error.code]);
  }
}
console.log(JSON.stringify(said));
