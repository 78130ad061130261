"""Real applications in the lab: their own clients in the page, their own servers on the site."""
