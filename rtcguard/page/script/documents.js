  // Goes on from the file before (guard.py says in which order); the rules stand in captured.js.

  // ---- Documents without a server: srcdoc, data:, blob: ---------------------------

  // A document that does not come through the proxy gets the guard in its source. This text is what
  // a Content-Security-Policy, which such documents inherit, lets run.
  const self = element?.textContent;
  const guard = "<script>" + self + "<" + "/script>";
  const HTML = "<!doctype html><meta charset=utf-8>" + guard;
  const XHTML = "http://www.w3.org/1999/xhtml";
  const NOTHING = "data:,"; // an empty text, of no origin
  const known = bare({ [NOTHING]: 1 }); // URLs that are harmless, or of our making
  const makeBlob = (part, blob, type) => new Blob(newList([part, blob]), bare({ type }));

  // XML has no place before its root where a script could stand: it is shown as an image is, which
  // SVG can be, and in which nothing runs.
  const picture = (url) => `<img src="${url}">`;
  const XML = /xml|xsl|rdf/i;
  const VAGUE = /^$|multipart|xml|xsl|rdf/i;

  // What URL.createObjectURL gives. HTML gets the guard in front, whatever its encoding: what is not
  // UTF-8 cannot be read then. Of other documents the URL stays the browser's, for images, say, and
  // is `adopt`ed where one is to be shown.
  const guardedUrl = (blob, isKnown) => {
    const type = blobType(blob);
    const html = exec(/^\s*text\/html/i, type);
    const url = apply(createUrl, URL, [html ? makeBlob(HTML, blob, "text/html") : blob]);
    if (isKnown || html || !exec(VAGUE, type)) known[url] = 1;
    return url;
  };
  const adopt = async (url, use) => {
    let blob = await readBlob(await apply(fetch, window, [url]));
    const type = blobType(blob);
    if (exec(XML, type)) blob = makeBlob("", picture(url), "text/html");
    else if (exec(VAGUE, type)) blob = blobSlice(blob, 0, nothing, "text/plain");
    use(guardedUrl(blob, true));
  };

  // A data: URL with the guard in it; undefined where that cannot be, or for a blob not known here.
  const safeUrl = (url) => {
    const found = exec(/^(?:data:([^,;]*)[^,]*?(; *base64 *)?,|blob:)([^#]*)/i, url);
    if (!found || found[0] in known) return url;
    const type = found[1];
    if (type === nothing) return type;
    try {
      const isXml = exec(XML, type);
      if (!isXml && !exec(/html/i, type)) return url;
      let text = unescape(found[3]);
      if (found[2]) text = atob(text);
      if (isXml) text = picture(url);
      const made = "data:text/html;base64," + btoa(HTML + text);
      known[made] = 1;
      return made;
    } catch {
      return nothing;
    }
  };

  // Whether the policy of a document lets the guard's text run in what inherits it.
  const runs = (page) => {
    const probe = create(page, XHTML, "script");
    setAttribute(probe, "id", mark);
    setText(probe, trust ? createScript(trust, self) : self);
    appendChild(documentElement(page), probe);
    const ran = !isConnected(probe);
    remove(probe);
    return ran;
  };

  // By the elements' names: the attribute with the source, its URL, the document that is shown.
  const kind = (name, source = "src") => {
    const of = from(`HTML${name}Element`);
    return [source, of[source], of.contentDocument];
  };
  const KINDS = bare({
    iframe: kind("IFrame"),
    frame: kind("Frame"),
    embed: kind("Embed"),
    object: kind("Object", "data"),
  });

  // Whether an element shows only what is guarded; if not, it is made so, and loads anew.
  const secure = (frame) => {
    const found = KINDS[localName(frame)];
    if (!found) return true;
    const name = found[0];
    const html = getAttribute(frame, "srcdoc");
    const url = found[1](frame);
    const to = safeUrl(url);
    const bad = html !== null && slice(html, 0, guard.length) !== guard;
    const good = !bad && to === url;
    if (good && !exec(/^(blob|data:t)/, url)) return true;
    try {
      const page = ownerDocument(frame);
      if (!runs(defaultView(page) ? page : document)) throw 0;
      if (bad) setAttribute(frame, "srcdoc", trusted(guard + html));
      if (to !== url) setAttribute(frame, name, to || NOTHING);
      if (!to) adopt(url, (made) => setAttribute(frame, name, made));
    } catch {
      // A policy without the guard in it: better nothing than one unguarded.
      removeAttribute(frame, "srcdoc");
      setAttribute(frame, name, NOTHING);
    }
    return good;
  };
