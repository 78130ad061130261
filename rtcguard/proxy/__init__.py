"""The proxy: the only folder that imports mitmproxy. It turns flows into messages and back."""
