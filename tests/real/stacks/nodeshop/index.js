// A shop with components and a dynamic provider; what a release changes is chosen by VERSION.
"use strict";
const fs = require("fs");
const path = require("path");
const pulumi = require("@pulumi/pulumi");
const k8s = require("@pulumi/kubernetes");

const release = parseInt(fs.readFileSync(path.join(__dirname, "VERSION"), "utf8"), 10);
const config = new pulumi.Config();
const provider = new k8s.Provider("cluster", { kubeconfig: config.requireSecret("kubeconfig") });

// Its code goes into the state, with the release that it was written by.
const stamp = `written by release ${release}`;
class FileProvider {
    async check(olds, news) {
        return { inputs: news, failures: [] };
    }
    async diff(id, olds, news) {
        return { changes: olds.content !== news.content, replaces: olds.path !== news.path ? ["path"] : [] };
    }
    async create(inputs) {
        require("fs").writeFileSync(inputs.path, `${inputs.content}\n${stamp}\n`);
        return { id: inputs.path, outs: inputs };
    }
    async read(id, props) {
        if (!require("fs").existsSync(id)) return { id: "" };
        return { id, props: { ...props, content: require("fs").readFileSync(id, "utf8").split("\n")[0] } };
    }
    async update(id, olds, news) {
        require("fs").writeFileSync(news.path, `${news.content}\n${stamp}\n`);
        return { outs: news };
    }
    async delete(id) {
        require("fs").rmSync(id, { force: true });
    }
}

class File extends pulumi.dynamic.Resource {
    constructor(name, args, options) {
        super(new FileProvider(), name, args, options);
    }
}

class App extends pulumi.ComponentResource {
    constructor(name, args, options) {
        super("shop:node:App", name, {}, options);
        const mine = { parent: this, provider };
        const metadata = { namespace: args.namespace };
        const labels = { app: name };
        this.settings = new k8s.core.v1.ConfigMap(
            `${name}-settings`,
            { metadata, data: { "app.json": JSON.stringify({ name, release }) } },
            mine,
        );
        this.access = new k8s.core.v1.Secret(
            `${name}-access`,
            { metadata, stringData: { token: pulumi.interpolate`${args.token}-${release}` } },
            mine,
        );
        const container = {
            name: "main",
            image: `shop/${name}:${release}`,
            envFrom: [
                { configMapRef: { name: this.settings.metadata.name } },
                { secretRef: { name: this.access.metadata.name } },
            ],
        };
        this.deployment = new k8s.apps.v1.Deployment(
            name,
            {
                metadata,
                spec: {
                    replicas: release,
                    selector: { matchLabels: labels },
                    template: { metadata: { labels }, spec: { containers: [container] } },
                },
            },
            mine,
        );
        this.service = new k8s.core.v1.Service(
            `${name}-entry`,
            {
                metadata: { ...metadata, annotations: { "shop/marker": args.marker } },
                spec: { type: "NodePort", selector: labels, ports: [{ port: 80 + release, nodePort: args.nodePort }] },
            },
            mine,
        );
        this.registerOutputs({ service: this.service.metadata.name });
    }
}

const namespace = new k8s.core.v1.Namespace("shop", {}, { provider }).metadata.name;
const token = config.requireSecret("token");
// Release 4 asks for a port that no API server gives; what it depends on lets no preview notice.
const marker =
    release < 4 ? "none" : new k8s.core.v1.ConfigMap("marker", { metadata: { namespace } }, { provider }).metadata.name;
const names = release < 2 ? ["api"] : ["api", "web"];
const apps = names.map(
    (name) => new App(name, { namespace, token, marker, nodePort: name === "web" && release === 4 ? 99 : undefined }),
);
const inventory = new File("inventory", {
    path: path.join(config.require("out"), release < 3 ? "inventory.txt" : "stock.txt"),
    content: pulumi.interpolate`release ${release}, api at ${apps[0].service.metadata.name}`,
});
new File("motd", { path: path.join(config.require("out"), "motd.txt"), content: `Welcome to ${release}` });

exports.namespace = namespace;
exports.api = apps[0].service.metadata.name;
exports.inventory = inventory.id;
