"""Files that are among photos by accident: indexing them would only cost requests."""

from __future__ import annotations

# What operating systems, file servers, photo tools and interrupted transfers leave among photos, as exclude patterns.
JUNK = (
    # macOS
    ".DS_Store", "._*", "__MACOSX/", ".AppleDouble/", ".AppleDB/", ".AppleDesktop/", ".Spotlight-V100/", ".fseventsd/",
    ".TemporaryItems/", ".Trashes/", ".DocumentRevisions-V100/", ".localized",
    # Windows
    "Thumbs.db", "ehthumbs.db", "ehthumbs_vista.db", "desktop.ini", "$RECYCLE.BIN/", "System Volume Information/",
    # Linux
    ".Trash/", ".Trash-*/", "lost+found/", ".thumbnails/", ".directory",
    # Android
    ".trashed-*", ".pending-*", ".nomedia",
    # Synology and QNAP
    "@eaDir/", "#recycle/", "#snapshot/", "@tmp/", "@Recycle/", "@Recently-Snapshot/", ".@__thumb/",
    # Lightroom's previews
    "*.lrdata/",
    # Transfers that have not ended: rclone, browsers, Nextcloud, Syncthing
    "*.partial", "*.crdownload", "*.ocTransferId*.part", ".syncthing.*.tmp", "~syncthing~*.tmp", ".stfolder/",
)  # fmt: skip
