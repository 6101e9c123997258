"""The players' port: WebSocket frames in and out, within limits."""
