/** Slot `builder`: makes the prompt. */
import { fields, flag, list, record, text } from "../../contract/schema.ts";
import { type Call, defineStrategy } from "../../contract/strategy.ts";
import { custom } from "./blocks.ts";
import { compose, type Prompt, type Scene } from "./compose.ts";

export type Build = (scene: Scene, call: Call) => Prompt | Promise<Prompt>;

const DEFAULT_PROMPT = "You are a helpful assistant.";
const prompt = text({ default: DEFAULT_PROMPT, widget: "textarea", about: "the prompt; the stage's own `prompt` wins" });
const use_content_blocks = flag({ default: false, about: "send the parts as blocks of their own, not as one text" });

export const builders = {
  static: defineStrategy<Build>()({
    about: "One fixed text.",
    config: fields({ prompt }),
    create:
      ({ prompt }) =>
      (scene) => ({ stable: scene.prompt || prompt, volatile: "" }),
  }),
  mutable: defineStrategy<Build>()({
    about: "A text and named sections, each under its heading, which may be changed one by one.",
    config: fields({
      prompt,
      sections: record(text({ about: "the section's text" }), {
        default: {},
        about: "sections by name, in this order; an empty one is left out",
      }),
    }),
    create: ({ prompt, sections }) => {
      const named = Object.entries(sections).map(([name, body]) => custom(name, body && `# ${name}\n${body}`));
      return (scene) => compose([custom("prompt", scene.prompt || prompt), ...named], scene);
    },
  }),
  composable: defineStrategy<Build>()({
    about: "The host's blocks in their order, empty ones left out. Without any: the stage's own prompt.",
    config: fields({ separator: text({ default: "\n\n", about: "stands between the blocks of one text" }), use_content_blocks }),
    create: ({ separator, use_content_blocks }, { host }) => {
      const given = host.promptBlocks;
      const blocks = [...(given?.blocks ?? []), ...(given?.tail ?? [])];
      const form = { separator: given?.separator ?? separator, asBlocks: given?.asContentBlocks ?? use_content_blocks };
      return (scene) => compose(blocks.length ? blocks : [custom("prompt", scene.prompt)], scene, form);
    },
  }),
  dynamic_persona: defineStrategy<Build>()({
    about: "The host is asked for the persona once a turn; then come the host's tail blocks and the persona's own tail.",
    config: fields({
      session_meta_keys: list(text({ about: "a key" }), { default: [], about: "keys of `metadata` that the host is shown; empty for all" }),
      tail_block_names: list(text({ about: "a name" }), { default: [], about: "tail blocks to use, by name; empty for all" }),
      use_content_blocks,
    }),
    needs: "persona",
    create: ({ session_meta_keys, tail_block_names, use_content_blocks }, { host }) => {
      const tail = (host.promptBlocks?.tail ?? []).filter(({ name }) => !tail_block_names.length || tail_block_names.includes(name));
      const shown = (metadata: Scene["state"]["metadata"]) =>
        session_meta_keys.length
          ? Object.fromEntries(Object.entries(metadata).filter(([key]) => session_meta_keys.includes(key)))
          : metadata;
      return async (scene, call) => {
        const asked = await host.persona?.({ ...scene.state, metadata: shown(scene.state.metadata) }, call);
        return compose([...(asked?.blocks ?? []), ...tail, custom("tail", asked?.tail ?? "")], scene, { asBlocks: use_content_blocks });
      };
    },
  }),
};
