"""The web page: its built files, and what the service needs to send them."""
