// Putting elements in, which the guard watches for frames (DOM section 4.2, DOM Parsing, HTML section
// 4.13): it must not be felt.
"use strict";

const MARKUP = {
  text: "a <b>b</b> &amp; c",
  "a frame": "<p>x</p><iframe></iframe><p>y</p>",
  "a frame with srcdoc": "<iframe srcdoc=\"<p class='x'>x</p>\" name=inner sandbox></iframe>",
  "frames in frames' text": "<iframe><iframe></iframe></iframe>",
  "an object": "<object data='/none'><param name=a value=b>else</object>",
  "a script": "<script>window.ran = 1</" + "script>",
  "a template": "<template><iframe></iframe><b>x</b></template>",
  "a broken table": "<table><iframe></iframe><tr><td>x</table>",
  "a declared shadow root": "<div><template shadowrootmode=open><iframe></iframe></template></div>",
  "svg and mathml": "<svg><foreignObject><iframe></iframe></foreignObject></svg><math><mi>x</math>",
  "not closed": "<div><iframe src=about:blank",
  "a frame and a custom element": "<iframe></iframe><x-unknown></x-unknown>",
};
for (const [name, html] of Object.entries(MARKUP)) {
  check(`markup: innerHTML of ${name}`, () => {
    const element = place("div", html);
    return [element.innerHTML, element.childNodes.length, frames.length, typeof window.ran];
  });
  check(`markup: innerHTML of ${name}, outside of the document`, () => {
    const element = document.createElement("div");
    element.innerHTML = html;
    return [element.outerHTML, frames.length];
  });
  check(`markup: insertAdjacentHTML of ${name}`, () => {
    const element = place("div", "<i></i>");
    const within = element.firstChild;
    const made = ["beforebegin", "afterbegin", "beforeend", "afterend"].map((where) =>
      within.insertAdjacentHTML(where, html),
    );
    return [made, element.innerHTML, frames.length];
  });
  check(`markup: a fragment of ${name}`, () => {
    const range = document.createRange();
    range.selectNodeContents(document.body);
    const fragment = range.createContextualFragment(html);
    const kinds = [...fragment.childNodes].map(({nodeName}) => nodeName);
    const element = place();
    element.append(fragment);
    const seen = [kinds, element.innerHTML, frames.length, typeof window.ran];
    delete window.ran;
    return seen;
  });
  check(
    `markup: DOMParser of ${name}`,
    () => new DOMParser().parseFromString(html, "text/html").documentElement.outerHTML,
  );
  check(`markup: setHTMLUnsafe of ${name}`, () => {
    const element = place();
    if (!element.setHTMLUnsafe) return "no such member";
    element.setHTMLUnsafe(html);
    return [element.innerHTML, !!element.firstChild?.shadowRoot, frames.length];
  });
  check(`markup: outerHTML of ${name}`, () => {
    const element = place("div", "<i></i>");
    element.firstChild.outerHTML = html;
    return [element.innerHTML, frames.length];
  });
}
check("markup: values that are no strings", () => {
  const element = place();
  return [null, undefined, 5, {toString: () => "<b>x</b>"}, ["a", "b"]].map((value) => {
    element.innerHTML = value;
    return element.innerHTML;
  });
});
check("markup: errors", async () => {
  const element = document.createElement("div");
  return [
    await failure(() => (document.documentElement.outerHTML = "x")),
    await failure(() => element.insertAdjacentHTML("beforebegin", "x")),
    await failure(() => element.insertAdjacentHTML("bogus", "x")),
    await failure(() => element.insertAdjacentHTML("afterbegin")),
    await failure(() => (element.innerHTML = Symbol("x"))),
    await failure(() => element.appendChild(element)),
    await failure(() => element.appendChild("x")),
    await failure(() => element.insertBefore(element, place())),
    await failure(() => document.append(document.createElement("p"))),
    await failure(() => (document.body = element)),
    await failure(() => Node.prototype.appendChild.call({}, element)),
    await failure(() => element.append(Symbol("x"))),
  ];
});
check("markup: what the methods return", () => {
  const element = place();
  const child = document.createElement("p");
  return [
    element.appendChild(child) === child,
    element.insertBefore(child, null) === child,
    element.replaceChild(child, child) === child,
    element.append("x", child, null),
    element.prepend(5),
    child.before("b"),
    child.after(),
    child.replaceWith("c", "d"),
    element.replaceChildren("e"),
    element.insertAdjacentElement("afterbegin", child) === child,
    element.innerHTML,
  ];
});
check("markup: reactions of custom elements", () => {
  const log = [];
  const name = "x-door";
  customElements.define(
    name,
    class extends HTMLElement {
      constructor() {
        super();
        log.push("constructor");
      }
      connectedCallback() {
        log.push(
          `connected ${this.isConnected} ${frames.length} ${this.parentNode.childNodes.length}`,
        );
      }
      disconnectedCallback() {
        log.push("disconnected");
      }
    },
  );
  const element = place();
  element.innerHTML = `<iframe></iframe><${name}></${name}><iframe></iframe>`;
  log.push("set");
  element.append(document.createElement(name));
  log.push("appended");
  element.firstChild.remove();
  element.append(element.firstChild);
  return log;
});
check("markup: records of a mutation observer", async () => {
  const element = place();
  const log = [];
  const observer = new MutationObserver((records) => {
    for (const item of records)
      log.push([
        item.type,
        [...item.addedNodes].map((node) => node.nodeName),
        [...item.removedNodes].map((node) => node.nodeName),
        item.attributeName,
      ]);
  });
  observer.observe(element, {childList: true, subtree: true, attributes: true});
  element.innerHTML = "<b></b><iframe></iframe>";
  element.append(document.createElement("iframe"), "x");
  element.lastElementChild.src = "about:blank";
  element.insertAdjacentHTML("beforeend", "<iframe srcdoc=x></iframe>");
  await pause(50);
  observer.disconnect();
  return log;
});
check("markup: live collections and positions", () => {
  const element = place();
  const live = element.getElementsByTagName("iframe");
  element.innerHTML = "<iframe name=one></iframe><p><iframe name=two></iframe></p>";
  const one = live[0];
  element.append(one);
  return [
    live.length,
    live[1] === one,
    [...live].map(({name}) => name),
    frames.length,
    typeof window.one,
  ];
});
