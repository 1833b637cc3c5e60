import { parseXml, XmlElement, XmlText } from "@rgrove/parse-xml";

/** What a property list can say. */
export type PlistValue = string | number | boolean | readonly PlistValue[] | PlistDict;
export type PlistDict = ReadonlyMap<string, PlistValue>;

/** @throws Error where the text is no XML, or no property list, or has a key twice. */
export function parsePlist(text: string): PlistValue {
  const { root } = parseXml(text);
  if (root?.name !== "plist") throw new Error("there is no <plist>");
  const [only, ...others] = elementsOf(root);
  if (only === undefined || others.length > 0) throw new Error("<plist> must hold exactly one value");
  return valueOf(only);
}

function valueOf(element: XmlElement): PlistValue {
  switch (element.name) {
    case "string":
      return textOf(element);
    case "integer":
      return integerOf(element);
    case "true":
    case "false":
      if (element.children.length > 0) throw new Error(`<${element.name}> must be empty`);
      return element.name === "true";
    case "array":
      return elementsOf(element).map(valueOf);
    case "dict":
      return dictOf(element);
    default:
      throw new Error(`<${element.name}> is no value of a job`);
  }
}

function dictOf(element: XmlElement): PlistDict {
  const dict = new Map<string, PlistValue>();
  const children = elementsOf(element);
  for (let index = 0; index < children.length; index += 2) {
    const [name, value] = [children[index], children[index + 1]];
    if (name?.name !== "key") throw new Error(`<${name?.name}> stands where a <key> belongs`);
    const key = textOf(name);
    if (value === undefined || value.name === "key") throw new Error(`the key ${key} has no value`);
    if (dict.has(key)) throw new Error(`the key ${key} is there twice`);
    dict.set(key, valueOf(value));
  }
  return dict;
}

function integerOf(element: XmlElement): number {
  const text = textOf(element);
  if (!/^-?\d+$/.test(text)) throw new Error(`<integer> has ${JSON.stringify(text)}`);
  return Number(text);
}

function textOf(element: XmlElement): string {
  if (elementsOf(element, "text").length > 0) throw new Error(`<${element.name}> must hold text alone`);
  return element.text;
}

/** @param rest what else than elements may be in it: spaces between them, or any text. */
function elementsOf(element: XmlElement, rest: "spaces" | "text" = "spaces"): XmlElement[] {
  const elements: XmlElement[] = [];
  for (const child of element.children) {
    if (child instanceof XmlElement) elements.push(child);
    else if (rest === "spaces" && child instanceof XmlText && child.text.trim() !== "")
      throw new Error(`text in <${element.name}>: ${child.text.trim()}`);
  }
  return elements;
}
