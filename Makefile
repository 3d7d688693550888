# The face of the build: everything real is in meson.build and tools/.
BUILD ?= build
.PHONY: build guest-image run test lint bench fuzz coverage install deb clean
build:      ; @tools/deps build && tools/build $(BUILD)
guest-image: ; @tools/deps build && tools/build --guest $(BUILD) && tools/guest-image $(BUILD)
run:        ; @tools/deps build && tools/build --programs $(BUILD) && tools/run $(BUILD)
test:       ; @tools/deps test && tools/build $(BUILD) && tools/test $(BUILD)
lint:       ; @tools/deps lint && tools/build --configure $(BUILD) && meson test -C $(BUILD) --setup lint --suite lint --print-errorlogs --no-rebuild
bench:      ; @tools/deps bench && tools/build --release build-release && bench/run build-release
fuzz:       ; @tools/deps lint && tools/fuzz $(FUZZ)
coverage:   ; @tools/deps test && tools/coverage
install:    build ; meson install -C $(BUILD) --no-rebuild
deb:        ; @tools/deps deb && dpkg-buildpackage -us -uc -b
clean:      ; rm -rf build build-* var/run
