// The baseline of rewrite.py: sdp-transform parses an offer, keeps its relay candidates, writes it.
// node sdp_transform.cjs FOLDER_OF_THE_PACKAGE OFFER MESSAGES: prints the median in microseconds.
const fs = require('node:fs');
const sdpTransform = require(process.argv[2]);
const offer = fs.readFileSync(process.argv[3], 'utf8');
const messages = Number(process.argv[4]);

function filter() {
  const session = sdpTransform.parse(offer);
  for (const media of session.media) {
    if (media.candidates) media.candidates = media.candidates.filter((one) => one.type === 'relay');
  }
  return sdpTransform.write(session);
}

for (let n = 0; n < messages; n++) filter(); // the compiler's time is not the library's
const taken = [];
for (let n = 0; n < messages; n++) {
  const start = process.hrtime.bigint();
  filter();
  taken.push(Number(process.hrtime.bigint() - start));
}
taken.sort((a, b) => a - b);
if (!filter().includes('typ relay') || filter().includes('typ host')) process.exit(1);
console.log(taken[messages >> 1] / 1000);
