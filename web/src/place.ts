/** Styles that only the data knows, set from script: the content security policy forbids style attributes in markup. */
import type { Attachment } from 'svelte/attachments';

/** Sets the named properties on the element, and follows them when they change. */
export function place(properties: Record<string, string>): Attachment<HTMLElement | SVGElement> {
  return (element) => {
    for (const [name, value] of Object.entries(properties)) element.style.setProperty(name, value);
  };
}
