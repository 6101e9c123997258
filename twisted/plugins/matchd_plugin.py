"""What ``twistd`` lists: the matchmaking server, and the reference game server."""

from twisted.application.service import ServiceMaker

matchd = ServiceMaker("matchd", "matchd.tap", "A matchmaking server for online games.", "matchd")
dedicated = ServiceMaker("dedicated", "matchd.dedicated.tap", "A reference game server for matchd.", "dedicated")
